{{/* The pod, the same in a Deployment and in a StatefulSet, and what the pod of `helm test` shares. */}}

{{- define "seg-consumer.podTemplate" -}}
metadata:
  labels:
    {{- include "seg-consumer.selectorLabels" . | nindent 4 }}
    {{- with merge (deepCopy .Values.podLabels) .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: consumer
    {{- include "seg-consumer.settingsAnnotation" . | nindent 4 }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "seg-consumer.podBasics" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | default (include "seg-consumer.leastGracePeriod" .) }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "seg-consumer.topologySpread" . | fromYamlArray }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: consumer
      {{- include "seg-consumer.containerBasics" . | nindent 6 }}
      args: [run]
      env:
        {{- if .Values.staticMembership.enabled }}
        - name: SEG_KAFKA__GROUP_INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- include "seg-consumer.environment" . | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ .Values.settings.http.port | int }}
          protocol: TCP
      startupProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml .Values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        {{- toYaml .Values.probes.readiness | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "seg-consumer.volumes" . | nindent 4 }}
{{- end }}

{{- define "seg-consumer.topologySpread" -}}
{{- $selector := dict "matchLabels" (include "seg-consumer.selectorLabels" . | fromYaml) }}
{{- $constraints := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $constraints = append $constraints (hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $selector) .)) }}
{{- end }}
{{- toYaml $constraints }}
{{- end }}

{{- define "seg-consumer.podBasics" -}}
serviceAccountName: {{ include "seg-consumer.serviceAccountName" . }}
automountServiceAccountToken: false
# The variables of a service whose name begins with "seg" would look like settings.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "seg-consumer.containerBasics" -}}
image: {{ include "seg-consumer.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/seg-consumer/config
    readOnly: true
  - name: secrets
    mountPath: /etc/seg-consumer/secrets
    readOnly: true
  {{- range $name, $file := .Values.files }}
  - name: file-{{ $name }}
    mountPath: /etc/seg-consumer/files/{{ $name }}
    readOnly: true
  {{- end }}
  - name: tmp
    mountPath: /tmp
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* In the environment, so that a command typed in the pod finds what the pod's own command finds. */}}
{{- define "seg-consumer.environment" -}}
- name: SEG_CONFIG_FILE
  value: /etc/seg-consumer/config/settings.yaml
- name: SEG_SECRETS_DIR
  value: /etc/seg-consumer/secrets
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The settings travel with the pod. In a ConfigMap they would change below the pods of the release
before, and an upgrade that fails would take those along when they restart.
*/}}
{{- define "seg-consumer.settingsAnnotation" -}}
{{- $settings := dict }}
{{- range $section, $fields := .Values.settings }}
{{- $given := dict }}
{{- range $field, $value := $fields }}
{{- if not (kindIs "invalid" $value) }}
{{- $_ := set $given $field $value }}
{{- end }}
{{- end }}
{{- if $given }}
{{- $_ := set $settings $section $given }}
{{- end }}
{{- end -}}
seg-consumer/settings: |
  {{- toYaml $settings | nindent 2 }}
{{- end }}

{{/* Secrets are files, which the program reads again when they change: no pod is swapped for one. */}}
{{- define "seg-consumer.volumes" -}}
- name: config
  downwardAPI:
    items:
      - path: settings.yaml
        fieldRef:
          fieldPath: metadata.annotations['seg-consumer/settings']
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- with .Values.secrets.existingSecret }}
      - secret:
          name: {{ . }}
      {{- end }}
      {{- if .Values.secrets.create }}
      - secret:
          name: {{ include "seg-consumer.fullname" . }}
      {{- end }}
      {{- range $variable, $from := .Values.secrets.keys }}
      - secret:
          name: {{ $from.name }}
          items:
            - key: {{ $from.key }}
              path: {{ $variable }}
      {{- end }}
{{- range $name, $file := .Values.files }}
- name: file-{{ $name }}
  {{- if $file.secret }}
  secret:
    secretName: {{ $file.secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ $file.configMap }}
  {{- end }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
