{{/* Names, labels and the other small things that several templates say. */}}

{{- define "seg-consumer.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Up to 52 characters: KEDA takes 54 of a ScaledObject, a StatefulSet's pods gain a hash of 11. */}}
{{- define "seg-consumer.fullname" -}}
{{- $name := include "seg-consumer.name" . }}
{{- $default := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $default | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "seg-consumer.releaseLabels" -}}
app.kubernetes.io/name: {{ include "seg-consumer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The component keeps the pod of `helm test` out of every selector. */}}
{{- define "seg-consumer.selectorLabels" -}}
{{ include "seg-consumer.releaseLabels" . }}
app.kubernetes.io/component: consumer
{{- end }}

{{- define "seg-consumer.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "seg-consumer.labels" -}}
{{ include "seg-consumer.selectorLabels" . }}
{{ include "seg-consumer.commonLabels" . }}
{{- end }}

{{- define "seg-consumer.serviceAccountName" -}}
{{- $made := .Values.serviceAccount.create | ternary (include "seg-consumer.fullname" .) "default" }}
{{- .Values.serviceAccount.name | default $made }}
{{- end }}

{{- define "seg-consumer.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "seg-consumer.maxReplicas" -}}
{{- .Values.scaling.maxReplicas | default .Values.scaling.partitions | int }}
{{- end }}

{{- define "seg-consumer.workloadKind" -}}
{{- .Values.staticMembership.enabled | ternary "StatefulSet" "Deployment" }}
{{- end }}

{{/*
The count, where helm sets it. An autoscaler owns it: a number would undo its work at each upgrade.
But a count that helm has set and sets no more falls to one, so from `fixed` on the live one is kept.
*/}}
{{- define "seg-consumer.replicas" -}}
{{- $live := lookup "apps/v1" (include "seg-consumer.workloadKind" .) .Release.Namespace (include "seg-consumer.fullname" .) }}
{{- if eq .Values.scaling.mode "fixed" }}
{{- .Values.scaling.replicas | int }}
{{- else if eq "set" (dig "metadata" "annotations" "seg-consumer/replicas" "" $live) }}
{{- $live.spec.replicas | int }}
{{- end }}
{{- end }}

{{/* Seconds between the deadline of the drain and the kill: commit, dead letters, leaving the group. */}}
{{- define "seg-consumer.graceMargin" -}}
15
{{- end }}

{{- define "seg-consumer.leastGracePeriod" -}}
{{- $drain := dig "kafka" "drain_timeout_s" 35 .Values.settings | float64 }}
{{- add (ceil $drain) (include "seg-consumer.graceMargin" . | int) }}
{{- end }}

{{/* The program's variable for a setting: (list section field) -> SEG_KAFKA__TOPICS. */}}
{{- define "seg-consumer.variable" -}}
{{- printf "SEG_%s__%s" (index . 0) (index . 1) | upper }}
{{- end }}

{{/*
Where a setting of the section kafka comes from, as YAML {kind, name, key}: (list root field).
Empty where nothing gives it. KEDA reads the very values that the pods read.
*/}}
{{- define "seg-consumer.source" -}}
{{- $root := index . 0 }}
{{- $field := index . 1 }}
{{- $variable := include "seg-consumer.variable" (list "kafka" $field) }}
{{- $fullname := include "seg-consumer.fullname" $root }}
{{- $secrets := $root.Values.secrets }}
{{- if not (kindIs "invalid" (dig "kafka" $field nil $root.Values.settings)) }}
{{- dict "kind" "configMap" "name" $fullname "key" $variable | toYaml }}
{{- else if hasKey $secrets.keys $variable }}
{{- merge (dict "kind" "secret") (index $secrets.keys $variable) | toYaml }}
{{- else if hasKey $secrets.values $variable }}
{{- dict "kind" "secret" "name" $fullname "key" $variable | toYaml }}
{{- else if $secrets.existingSecret }}
{{- dict "kind" "secret" "name" $secrets.existingSecret "key" $variable | toYaml }}
{{- end }}
{{- end }}

{{/* Where a mounted file comes from, likewise: (list root path). Empty for a path outside `files`. */}}
{{- define "seg-consumer.fileSource" -}}
{{- $root := index . 0 }}
{{- $path := index . 1 | default "" }}
{{- $parts := trimPrefix "/etc/seg-consumer/files/" $path | splitList "/" }}
{{- if and (hasPrefix "/etc/seg-consumer/files/" $path) (eq (len $parts) 2) (hasKey $root.Values.files (first $parts)) }}
{{- $file := index $root.Values.files (first $parts) }}
{{- $kind := hasKey $file "secret" | ternary "secret" "configMap" }}
{{- dict "kind" $kind "name" (get $file $kind) "key" (last $parts) | toYaml }}
{{- end }}
{{- end }}
