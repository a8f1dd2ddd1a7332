{{/*
What values.schema.json cannot say: rules between values, each with a sentence, all told at once.
*/}}

{{- define "seg-consumer.validate" -}}
{{- $problems := concat
      (include "seg-consumer.problems.settings" . | fromYamlArray)
      (include "seg-consumer.problems.secrets" . | fromYamlArray)
      (include "seg-consumer.problems.scaling" . | fromYamlArray)
      (include "seg-consumer.problems.keda" . | fromYamlArray)
      (include "seg-consumer.problems.pod" . | fromYamlArray)
      (include "seg-consumer.problems.monitoring" . | fromYamlArray) }}
{{- if $problems }}
{{- fail (printf "\n%s" (join "\n" $problems)) }}
{{- end }}
{{- end }}

{{- define "seg-consumer.problems.settings" -}}
{{- $problems := list }}
{{- $keys := .Values.secrets.keys }}
{{- $kafka := .Values.settings.kafka }}
{{- range $field, $what := dict "bootstrap_servers" "the brokers to ask first" "topics" "the topics to read" }}
{{- $variable := include "seg-consumer.variable" (list "kafka" $field) }}
{{- if not (or (get $kafka $field) (hasKey $keys $variable)) }}
{{- $problems = append $problems (printf "settings.kafka.%s: expected %s; it is not set" $field $what) }}
{{- end }}
{{- end }}
{{- if $kafka.group_instance_id }}
{{- $problems = append $problems "settings.kafka.group_instance_id: expected not to be set, for all pods would have the same; staticMembership.enabled gives each its own" }}
{{- end }}
{{- $drain := dig "drain_timeout_s" 35 $kafka | float64 }}
{{- $most := dig "max_poll_interval_s" 300 $kafka | float64 }}
{{- if ge $drain $most }}
{{- $problems = append $problems (printf "settings.kafka.drain_timeout_s: expected less than settings.kafka.max_poll_interval_s (%g), got %g: the group would take the partitions away" $most $drain) }}
{{- end }}
{{- $liveness := dig "http" "liveness_timeout_s" 60 .Values.settings | float64 }}
{{- if ge $drain $liveness }}
{{- $problems = append $problems (printf "settings.http.liveness_timeout_s: expected more than settings.kafka.drain_timeout_s (%g), got %g: a pod that drains would be restarted" $drain $liveness) }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{- define "seg-consumer.problems.secrets" -}}
{{- $problems := list }}
{{- $secrets := .Values.secrets }}
{{- $id := "SEG_DELIVERY__WEBSITE_ID" }}
{{- if not (or $secrets.existingSecret (hasKey $secrets.keys $id) (hasKey $secrets.values $id)) }}
{{- $problems = append $problems (printf "secrets: expected a place of %s, the key of every request: name a Secret in secrets.existingSecret or secrets.keys" $id) }}
{{- end }}
{{- if and $secrets.values (not $secrets.create) }}
{{- $problems = append $problems "secrets.values: expected to be empty, for secrets.create is false; values in clear are for trying out" }}
{{- end }}
{{- range $section, $fields := .Values.settings }}
{{- range $field, $value := $fields }}
{{- $variable := include "seg-consumer.variable" (list $section $field) }}
{{- if or (hasKey $secrets.keys $variable) (hasKey $secrets.values $variable) }}
{{- $problems = append $problems (printf "settings.%s.%s: expected one place for it, got two: secrets has %s as well" $section $field $variable) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $variable, $_ := $secrets.values }}
{{- if hasKey $secrets.keys $variable }}
{{- $problems = append $problems (printf "secrets.values.%s: expected one place for it, got two: secrets.keys has it as well" $variable) }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{- define "seg-consumer.problems.scaling" -}}
{{- $problems := list }}
{{- $scaling := .Values.scaling }}
{{- $partitions := $scaling.partitions | int }}
{{- if not $partitions }}
{{- $problems = append $problems "scaling.partitions: expected how many partitions the group reads, over all its topics; it is not set" }}
{{- else if eq $scaling.mode "fixed" }}
{{- if gt (int $scaling.replicas) $partitions }}
{{- $problems = append $problems (printf "scaling.replicas: expected at most scaling.partitions (%d), got %d: a further pod would own nothing" $partitions (int $scaling.replicas)) }}
{{- end }}
{{- else }}
{{- $max := include "seg-consumer.maxReplicas" . | int }}
{{- if gt $max $partitions }}
{{- $problems = append $problems (printf "scaling.maxReplicas: expected at most scaling.partitions (%d), got %d: a further pod would own nothing" $partitions $max) }}
{{- end }}
{{- if gt (int $scaling.minReplicas) $max }}
{{- $problems = append $problems (printf "scaling.minReplicas: expected at most scaling.maxReplicas (%d), got %d" $max (int $scaling.minReplicas)) }}
{{- end }}
{{- if and (eq $scaling.mode "hpa") (lt (int $scaling.minReplicas) 1) }}
{{- $problems = append $problems "scaling.minReplicas: expected at least 1 where scaling.mode is hpa, got 0: without a pod there is no CPU to measure" }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{/* The first four are refusals of KEDA's own, kedacore/keda pkg/scalers/kafka_scaler.go Validate(). */}}
{{- define "seg-consumer.problems.keda" -}}
{{- $problems := list }}
{{- $keda := .Values.scaling.keda }}
{{- if eq .Values.scaling.mode "keda" }}
{{- $topic := include "seg-consumer.kedaTopic" . }}
{{- $on := dict }}
{{- range $name, $value := $keda.metadata }}
{{- $_ := set $on $name (eq $value "true") }}
{{- end }}
{{- if and $on.allowIdleConsumers $on.limitToPartitionsWithLag }}
{{- $problems = append $problems "scaling.keda.metadata.limitToPartitionsWithLag: expected not together with allowIdleConsumers; set that to \"false\"" }}
{{- end }}
{{- if and $on.ensureEvenDistributionOfPartitions $on.limitToPartitionsWithLag }}
{{- $problems = append $problems "scaling.keda.metadata.limitToPartitionsWithLag: expected not together with ensureEvenDistributionOfPartitions" }}
{{- end }}
{{- range $name := list "limitToPartitionsWithLag" "ensureEvenDistributionOfPartitions" }}
{{- if and (get $on $name) (not $topic) }}
{{- $problems = append $problems (printf "scaling.keda.metadata.%s: expected one topic in settings.kafka.topics, and no pattern" $name) }}
{{- end }}
{{- end }}
{{- if and (eq (get $keda.metadata "fullMetadata") "false") (not $topic) }}
{{- $problems = append $problems "scaling.keda.metadata.fullMetadata: expected \"true\" unless settings.kafka.topics is one topic, and no pattern" }}
{{- end }}
{{- if not (get .Values.settings.kafka "bootstrap_servers") }}
{{- $problems = append $problems "settings.kafka.bootstrap_servers: expected to be set here where scaling.mode is keda: KEDA reads it from the ScaledObject" }}
{{- end }}
{{- if not $keda.authenticationRef }}
{{- range $field := list "ssl_ca_file" "ssl_certificate_file" "ssl_key_file" }}
{{- $path := get $.Values.settings.kafka $field }}
{{- if and $path (not (include "seg-consumer.fileSource" (list $ $path))) }}
{{- $problems = append $problems (printf "settings.kafka.%s: expected a file below /etc/seg-consumer/files that `files` mounts, for KEDA reads it too; or set scaling.keda.authenticationRef" $field) }}
{{- end }}
{{- end }}
{{- range $field := include "seg-consumer.kedaCredentials" . | fromYaml | values | sortAlpha }}
{{- if not (include "seg-consumer.source" (list $ $field)) }}
{{- $variable := include "seg-consumer.variable" (list "kafka" $field) }}
{{- $problems = append $problems (printf "secrets: expected a place of %s, for settings.kafka.sasl_mechanism is %s" $variable $.Values.settings.kafka.sasl_mechanism) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{- define "seg-consumer.problems.pod" -}}
{{- $problems := list }}
{{- if not .Values.image.repository }}
{{- $problems = append $problems "image.repository: expected where the image is that you have built and pushed, such as registry.example/seg-consumer; it is not set" }}
{{- end }}
{{- $least := include "seg-consumer.leastGracePeriod" . | int }}
{{- with .Values.terminationGracePeriodSeconds }}
{{- if lt (int .) $least }}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds: expected at least %d (settings.kafka.drain_timeout_s and %s s), got %d: a pod would be killed while it drains" $least (include "seg-consumer.graceMargin" $) (int .)) }}
{{- end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if .enabled }}
{{- if eq (kindIs "invalid" .minAvailable) (kindIs "invalid" .maxUnavailable) }}
{{- $problems = append $problems "podDisruptionBudget: expected either maxUnavailable or minAvailable; set the other to null" }}
{{- else if and (eq $.Values.scaling.mode "fixed") (gt (int $.Values.scaling.replicas) 0) (not (kindIs "string" .minAvailable)) (not (kindIs "invalid" .minAvailable)) (ge (int .minAvailable) (int $.Values.scaling.replicas)) }}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable: expected less than scaling.replicas (%d), got %d: no node could ever be drained" (int $.Values.scaling.replicas) (int .minAvailable)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $hidden := hasKey .Values.secrets.keys "SEG_KAFKA__BOOTSTRAP_SERVERS" }}
{{- if and .Values.networkPolicy.enabled $hidden (not .Values.networkPolicy.kafka.ports) }}
{{- $problems = append $problems "networkPolicy.kafka.ports: expected the brokers' ports, for settings.kafka.bootstrap_servers stands in a Secret; they are not set" }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{- define "seg-consumer.problems.monitoring" -}}
{{- $problems := list }}
{{- $monitoring := .Values.monitoring }}
{{- if and $monitoring.podMonitor.enabled $monitoring.serviceMonitor.enabled }}
{{- $problems = append $problems "monitoring: expected either podMonitor or serviceMonitor, got both: every sample would be counted twice" }}
{{- end }}
{{- $known := list }}
{{- range $path, $_ := .Files.Glob "rules/*.yaml" }}
{{- range ($.Files.Get $path | fromYaml).groups }}
{{- range .rules }}
{{- $known = append $known .alert }}
{{- end }}
{{- end }}
{{- end }}
{{- range $monitoring.prometheusRule.disabled }}
{{- if not (has . $known) }}
{{- $problems = append $problems (printf "monitoring.prometheusRule.disabled: expected alerts of this chart, got %s" .) }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}
