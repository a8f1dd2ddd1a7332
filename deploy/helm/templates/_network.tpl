{{/* Ports out of the settings, each as a YAML list. */}}

{{- define "seg-consumer.kafkaPorts" -}}
{{- $ports := list }}
{{- with get .Values.settings.kafka "bootstrap_servers" }}
{{- range splitList "," . }}
{{- $ports = append $ports (regexFind ":[0-9]+$" (trim .) | trimPrefix ":" | default 9092 | int) }}
{{- end }}
{{- end }}
{{- range .Values.networkPolicy.kafka.ports }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- $ports | uniq | toYaml }}
{{- end }}

{{/* The port of a URL. */}}
{{- define "seg-consumer.urlPort" -}}
{{- $url := urlParse . }}
{{- $default := eq $url.scheme "http" | ternary 80 443 }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default $default }}
{{- end }}

{{/* One egress rule: (dict "ports" list "to" peers). */}}
{{- define "seg-consumer.egress" -}}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
