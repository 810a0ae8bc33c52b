{{- define "schedule-server.name" -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- end }}

{{- define "schedule-server.selector" -}}
app.kubernetes.io/name: schedule-server
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "schedule-server.labels" -}}
{{ include "schedule-server.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "schedule-server.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "schedule-server.serviceAccount" -}}
{{ if .Values.serviceAccount.create }}{{ include "schedule-server.name" . }}{{ else }}default{{ end }}
{{- end }}

{{- define "schedule-server.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ required "existingSecret must name a Secret with database-url, redis-url and secret-key" .root.Values.existingSecret | quote }}, key: {{ .key }}}
{{- end }}

{{- /* What a pod has beside its containers. */}}
{{- define "schedule-server.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
volumes:
  - {name: tmp, emptyDir: {}}
{{- end }}

{{- /* What each container has beside its role. */}}
{{- define "schedule-server.container" -}}
image: {{ include "schedule-server.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "schedule-server.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- /* A Deployment of one role: dict "root" "role" "values" "port" "secrets" (variable: key) "env". */}}
{{- define "schedule-server.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "schedule-server.name" .root }}-{{ .role }}
  labels: {{- include "schedule-server.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  selector:
    matchLabels: {{- include "schedule-server.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "schedule-server.labels" . | nindent 8 }}
        {{- with .root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .root.Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "schedule-server.serviceAccount" .root }}
      {{- include "schedule-server.pod" .root | nindent 6 }}
      terminationGracePeriodSeconds: {{ add (.values.shutdownSeconds | default 30) 15 }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "schedule-server.selector" . | nindent 14 }}
      containers:
        - name: {{ .role }}
          {{- include "schedule-server.container" .root | nindent 10 }}
          command: [{{ .role }}]
          ports:
            - {name: http, containerPort: {{ .port }}}
          {{- include "schedule-server.probes" . | nindent 10 }}
          readinessProbe:
            httpGet: {path: {{ .ready }}, port: http}
            periodSeconds: 5
            timeoutSeconds: 5
          env:
            - {name: LOG_FORMAT, value: json}
            {{- range $name, $key := .secrets }}
            {{- include "schedule-server.fromSecret" (dict "root" $.root "name" $name "key" $key) | nindent 12 }}
            {{- end }}
            {{- range $name, $value := .env }}
            - {name: {{ $name }}, value: {{ $value | quote }}}
            {{- end }}
            {{- with .root.Values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            {{- with .values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          resources: {{- toYaml .values.resources | nindent 12 }}
{{- end }}
