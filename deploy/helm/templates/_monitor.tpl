{{/* What the two kinds of monitors share. */}}

{{- define "seg-consumer.monitorHead" -}}
name: {{ include "seg-consumer.fullname" .root }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "seg-consumer.labels" .root | nindent 2 }}
  {{- with .monitor.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "seg-consumer.monitorEndpoint" -}}
- port: http
  path: /metrics
  interval: {{ .interval }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
