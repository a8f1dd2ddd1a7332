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
    checksum/config: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
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
      args:
        {{- include "seg-consumer.arguments" . | nindent 8 }}
        - run
      {{- if or .Values.staticMembership.enabled .Values.extraEnv }}
      env:
        {{- if .Values.staticMembership.enabled }}
        - name: SEG_KAFKA__GROUP_INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
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

{{- define "seg-consumer.arguments" -}}
- --config
- /etc/seg-consumer/config/settings.yaml
- --secrets
- /etc/seg-consumer/secrets
{{- end }}

{{/* Secrets are files, which the program reads again when they change: no pod is swapped for one. */}}
{{- define "seg-consumer.volumes" -}}
- name: config
  configMap:
    name: {{ include "seg-consumer.fullname" . }}
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
