{{/* What KEDA's Kafka trigger needs, in its own words, out of the values that the pods use. */}}

{{/* The topic, where it is one; else empty: KEDA then sums the lag over all topics of the group. */}}
{{- define "seg-consumer.kedaTopic" -}}
{{- $topics := get .Values.settings.kafka "topics" | default list }}
{{- if and (eq (len $topics) 1) (not (hasPrefix "^" (first $topics))) }}
{{- first $topics }}
{{- end }}
{{- end }}

{{/* The brokers; unlike librdkafka, KEDA's client knows no port of its own. */}}
{{- define "seg-consumer.kedaServers" -}}
{{- $servers := list }}
{{- range get .Values.settings.kafka "bootstrap_servers" | default "" | splitList "," }}
{{- $server := trim . }}
{{- $servers = append $servers (regexMatch ":[0-9]+$" $server | ternary $server (printf "%s:9092" $server)) }}
{{- end }}
{{- join "," $servers }}
{{- end }}

{{- define "seg-consumer.kedaSasl" -}}
{{- get (dict
      "PLAIN" "plaintext"
      "SCRAM-SHA-256" "scram_sha256"
      "SCRAM-SHA-512" "scram_sha512"
      "OAUTHBEARER" "oauthbearer") . }}
{{- end }}

{{/* Which settings are KEDA's user name and password, as YAML {parameter: setting}. */}}
{{- define "seg-consumer.kedaCredentials" -}}
{{- $kafka := .Values.settings.kafka }}
{{- $mechanism := get $kafka "sasl_mechanism" | default "" }}
{{- if eq $mechanism "OAUTHBEARER" }}
username: oauthbearer_client_id
password: oauthbearer_client_secret
oauthTokenEndpointUri: oauthbearer_token_endpoint_url
{{- if get $kafka "oauthbearer_scope" }}
scopes: oauthbearer_scope
{{- end }}
{{- else if $mechanism }}
username: sasl_username
password: sasl_password
{{- end }}
{{- end }}

{{/* Where KEDA finds each parameter, as YAML {parameter: {kind, name, key}}; empty without need. */}}
{{- define "seg-consumer.kedaParameters" -}}
{{- $kafka := .Values.settings.kafka }}
{{- $parameters := dict }}
{{- if and (eq .Values.scaling.mode "keda") (not .Values.scaling.keda.authenticationRef) }}
{{- range $parameter, $field := include "seg-consumer.kedaCredentials" . | fromYaml }}
{{- $_ := set $parameters $parameter (include "seg-consumer.source" (list $ $field) | fromYaml) }}
{{- end }}
{{- range $parameter, $field := dict "ca" "ssl_ca_file" "cert" "ssl_certificate_file" "key" "ssl_key_file" }}
{{- with get $kafka $field }}
{{- $_ := set $parameters $parameter (include "seg-consumer.fileSource" (list $ .) | fromYaml) }}
{{- end }}
{{- end }}
{{- $variable := "SEG_KAFKA__SSL_KEY_PASSWORD" }}
{{- if or (hasKey .Values.secrets.keys $variable) (hasKey .Values.secrets.values $variable) }}
{{- $_ := set $parameters "keyPassword" (include "seg-consumer.source" (list . "ssl_key_password") | fromYaml) }}
{{- end }}
{{- end }}
{{- toYaml $parameters }}
{{- end }}

{{- define "seg-consumer.kedaMetadata" -}}
{{- $kafka := .Values.settings.kafka }}
{{- $protocol := get $kafka "security_protocol" | default "PLAINTEXT" }}
{{- $own := dict
      "bootstrapServers" (include "seg-consumer.kedaServers" .)
      "consumerGroup" (get $kafka "group_id" | default "seg-consumer")
      "lagThreshold" (.Values.scaling.keda.lagThreshold | int64 | toString)
      "offsetResetPolicy" (eq (get $kafka "auto_offset_reset") "latest" | ternary "latest" "earliest") }}
{{- with include "seg-consumer.kedaTopic" . }}
{{- $_ := set $own "topic" . }}
{{- end }}
{{- if hasSuffix "SSL" $protocol }}
{{- $_ := set $own "tls" "enable" }}
{{- end }}
{{- with get $kafka "sasl_mechanism" }}
{{- $_ := set $own "sasl" (include "seg-consumer.kedaSasl" .) }}
{{- end }}
{{- merge $own .Values.scaling.keda.metadata | toYaml }}
{{- end }}
