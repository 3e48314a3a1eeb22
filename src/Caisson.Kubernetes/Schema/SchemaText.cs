namespace Caisson.Kubernetes.Schema;

/// <summary>What fields the objects have, as text: read once, when the first object is.</summary>
/// <remarks>
/// A line is a type and its fields. A field is <c>name:type</c>; <c>!</c> after the name for one that must be there. Types: <c>string</c>,
/// <c>int</c>, <c>number</c>, <c>bool</c>, <c>quantity</c>, <c>intorstring</c>, <c>port</c>, <c>label</c>, <c>subdomain</c>, <c>time</c>,
/// <c>any</c>, <c>{T}</c> for a mapping, <c>[T]</c> for a list, <c>[T@key]</c> for one whose items a patch knows by a key, <c>&lt;A|B&gt;</c> for words to choose
/// from, and the types of this text. Source: Kubernetes API reference.
/// </remarks>
internal static class SchemaText
{
    internal const string Types = """
        ObjectMeta = name:subdomain generateName:string namespace:label labels:{string} annotations:{string} finalizers:[string] ownerReferences:[OwnerReference@uid] uid:string resourceVersion:string generation:int creationTimestamp:time deletionTimestamp:time deletionGracePeriodSeconds:int managedFields:[any] selfLink:string clusterName:string
        TemplateMeta = name:subdomain generateName:string namespace:label labels:{string} annotations:{string} finalizers:[string] ownerReferences:[OwnerReference@uid] creationTimestamp:time
        OwnerReference = apiVersion!:string kind!:string name!:string uid!:string controller:bool blockOwnerDeletion:bool
        LabelSelector = matchLabels:{string} matchExpressions:[LabelSelectorRequirement]
        LabelSelectorRequirement = key!:string operator!:<In|NotIn|Exists|DoesNotExist> values:[string]
        ObjectReference = apiVersion:string kind:string name:string namespace:string uid:string resourceVersion:string fieldPath:string
        LocalReference = name!:string
        Condition = type!:string status!:<True|False|Unknown> reason:string message:string lastTransitionTime:time lastUpdateTime:time lastProbeTime:time observedGeneration:int

        PodTemplate = metadata:TemplateMeta spec!:PodSpec
        PodSpec = containers!:[Container@name] initContainers:[Container@name] ephemeralContainers:[any] volumes:[Volume@name] restartPolicy:<Always|OnFailure|Never> terminationGracePeriodSeconds:int activeDeadlineSeconds:int dnsPolicy:<ClusterFirst|ClusterFirstWithHostNet|Default|None> dnsConfig:PodDns nodeSelector:{string} serviceAccountName:string serviceAccount:string automountServiceAccountToken:bool nodeName:string hostNetwork:bool hostPID:bool hostIPC:bool hostUsers:bool shareProcessNamespace:bool securityContext:PodSecurity imagePullSecrets:[LocalReference@name] hostname:label subdomain:label affinity:any schedulerName:string tolerations:[any] hostAliases:[HostAlias@ip] priorityClassName:string priority:int readinessGates:[any] runtimeClassName:string enableServiceLinks:bool preemptionPolicy:string overhead:{quantity} topologySpreadConstraints:[any] setHostnameAsFQDN:bool os:OsName schedulingGates:[any] resourceClaims:[any] resources:Resources
        OsName = name!:string
        HostAlias = ip!:string hostnames!:[string]
        PodDns = nameservers:[string] searches:[string] options:[DnsOption]
        DnsOption = name!:string value:string
        PodSecurity = runAsUser:int runAsGroup:int runAsNonRoot:bool supplementalGroups:[int] supplementalGroupsPolicy:string fsGroup:int fsGroupChangePolicy:string sysctls:[Sysctl] seccompProfile:SeccompProfile appArmorProfile:any seLinuxOptions:any seLinuxChangePolicy:string windowsOptions:any
        Sysctl = name!:string value!:string
        SeccompProfile = type!:<RuntimeDefault|Unconfined|Localhost> localhostProfile:string
        Container = name!:label image!:string imagePullPolicy:<Always|IfNotPresent|Never> command:[string] args:[string] workingDir:string ports:[ContainerPort@containerPort] envFrom:[EnvFrom] env:[EnvVar@name] resources:Resources resizePolicy:[any] volumeMounts:[VolumeMount@mountPath] volumeDevices:[any] livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:string terminationMessagePolicy:string securityContext:ContainerSecurity stdin:bool stdinOnce:bool tty:bool restartPolicy:<Always>
        ContainerPort = name:label containerPort!:port hostPort:port hostIP:string protocol:<TCP|UDP|SCTP>
        EnvVar = name!:string value:string valueFrom:EnvSource
        EnvSource = fieldRef:FieldRef resourceFieldRef:ResourceFieldRef configMapKeyRef:KeyRef secretKeyRef:KeyRef
        EnvFrom = prefix:string configMapRef:OptionalRef secretRef:OptionalRef
        OptionalRef = name!:string optional:bool
        KeyRef = name!:string key!:string optional:bool
        FieldRef = apiVersion:string fieldPath!:string
        ResourceFieldRef = containerName:string resource!:string divisor:quantity
        Resources = limits:{quantity} requests:{quantity} claims:[any]
        VolumeMount = name!:string mountPath!:string subPath:string subPathExpr:string readOnly:bool mountPropagation:<None|HostToContainer|Bidirectional> recursiveReadOnly:string
        Probe = exec:ExecAction httpGet:HttpAction tcpSocket:TcpAction grpc:GrpcAction initialDelaySeconds:int timeoutSeconds:int periodSeconds:int successThreshold:int failureThreshold:int terminationGracePeriodSeconds:int
        ExecAction = command:[string]
        HttpAction = path:string port!:intorstring host:string scheme:<HTTP|HTTPS> httpHeaders:[HttpHeader]
        HttpHeader = name!:string value!:string
        TcpAction = port!:intorstring host:string
        GrpcAction = port!:port service:string
        SleepAction = seconds!:int
        Lifecycle = postStart:Handler preStop:Handler stopSignal:string
        Handler = exec:ExecAction httpGet:HttpAction tcpSocket:TcpAction sleep:SleepAction
        ContainerSecurity = runAsUser:int runAsGroup:int runAsNonRoot:bool readOnlyRootFilesystem:bool privileged:bool allowPrivilegeEscalation:bool capabilities:Capabilities procMount:string seccompProfile:SeccompProfile appArmorProfile:any seLinuxOptions:any windowsOptions:any
        Capabilities = add:[string] drop:[string]
        Volume = name!:label emptyDir:EmptyDir configMap:ConfigMapVolume secret:SecretVolume hostPath:HostPath persistentVolumeClaim:ClaimVolume downwardAPI:DownwardVolume projected:ProjectedVolume
        EmptyDir = medium:string sizeLimit:quantity
        ConfigMapVolume = name!:string items:[KeyToPath] defaultMode:int optional:bool
        SecretVolume = secretName!:string items:[KeyToPath] defaultMode:int optional:bool
        KeyToPath = key!:string path!:string mode:int
        HostPath = path!:string type:string
        ClaimVolume = claimName!:string readOnly:bool
        DownwardVolume = items:[DownwardItem] defaultMode:int
        DownwardItem = path!:string fieldRef:FieldRef resourceFieldRef:ResourceFieldRef mode:int
        ProjectedVolume = sources:[ProjectedSource] defaultMode:int
        ProjectedSource = configMap:ProjectedKeys secret:ProjectedKeys downwardAPI:ProjectedDownward serviceAccountToken:TokenSource
        ProjectedKeys = name!:string items:[KeyToPath] optional:bool
        ProjectedDownward = items:[DownwardItem]
        TokenSource = path!:string audience:string expirationSeconds:int

        Pod = spec!:PodSpec status:any
        DeploymentSpec = replicas:int selector!:LabelSelector template!:PodTemplate strategy:DeploymentStrategy minReadySeconds:int revisionHistoryLimit:int paused:bool progressDeadlineSeconds:int
        DeploymentStrategy = type:<Recreate|RollingUpdate> rollingUpdate:RollingUpdate
        RollingUpdate = maxSurge:intorstring maxUnavailable:intorstring partition:int
        Deployment = spec!:DeploymentSpec status:any
        ReplicaSetSpec = replicas:int selector!:LabelSelector template!:PodTemplate minReadySeconds:int
        ReplicaSet = spec!:ReplicaSetSpec status:any
        StatefulSetSpec = replicas:int selector!:LabelSelector template!:PodTemplate serviceName:string podManagementPolicy:<OrderedReady|Parallel> updateStrategy:UpdateStrategy volumeClaimTemplates:[ClaimTemplate] minReadySeconds:int revisionHistoryLimit:int persistentVolumeClaimRetentionPolicy:ClaimRetention ordinals:Ordinals
        UpdateStrategy = type:<RollingUpdate|OnDelete> rollingUpdate:RollingUpdate
        ClaimRetention = whenDeleted:<Retain|Delete> whenScaled:<Retain|Delete>
        Ordinals = start:int
        ClaimTemplate = apiVersion:string kind:string metadata!:ObjectMeta spec!:ClaimSpec status:any
        StatefulSet = spec!:StatefulSetSpec status:any
        DaemonSetSpec = selector!:LabelSelector template!:PodTemplate updateStrategy:UpdateStrategy minReadySeconds:int revisionHistoryLimit:int
        DaemonSet = spec!:DaemonSetSpec status:any
        JobSpec = template!:PodTemplate parallelism:int completions:int completionMode:<NonIndexed|Indexed> backoffLimit:int activeDeadlineSeconds:int ttlSecondsAfterFinished:int selector:LabelSelector manualSelector:bool suspend:bool podFailurePolicy:any podReplacementPolicy:string backoffLimitPerIndex:int maxFailedIndexes:int successPolicy:any managedBy:string
        Job = spec!:JobSpec status:any
        JobTemplate = metadata:TemplateMeta spec!:JobSpec
        CronJobSpec = schedule!:string timeZone:string startingDeadlineSeconds:int concurrencyPolicy:<Allow|Forbid|Replace> suspend:bool jobTemplate!:JobTemplate successfulJobsHistoryLimit:int failedJobsHistoryLimit:int
        CronJob = spec!:CronJobSpec status:any

        ServiceSpec = selector:{string} ports:[ServicePort@port] type:<ClusterIP|NodePort|LoadBalancer|ExternalName> clusterIP:string clusterIPs:[string] sessionAffinity:<None|ClientIP> sessionAffinityConfig:any externalIPs:[string] externalName:string externalTrafficPolicy:string internalTrafficPolicy:string healthCheckNodePort:int ipFamilies:[string] ipFamilyPolicy:string publishNotReadyAddresses:bool loadBalancerIP:string loadBalancerClass:string loadBalancerSourceRanges:[string] allocateLoadBalancerNodePorts:bool trafficDistribution:string
        ServicePort = name:label port!:port targetPort:intorstring nodePort:int protocol:<TCP|UDP|SCTP> appProtocol:string
        Service = spec:ServiceSpec status:any
        Endpoints = subsets:[EndpointSubset]
        EndpointSubset = addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
        EndpointAddress = ip!:string hostname:string nodeName:string targetRef:ObjectReference
        EndpointPort = name:string port!:port protocol:<TCP|UDP|SCTP> appProtocol:string
        IngressSpec = ingressClassName:string defaultBackend:IngressBackend rules:[IngressRule] tls:[IngressTls]
        IngressBackend = service:IngressService resource:any
        IngressService = name!:string port:IngressPort
        IngressPort = name:string number:port
        IngressRule = host:string http:IngressHttp
        IngressHttp = paths!:[IngressPath]
        IngressPath = path:string pathType!:<Exact|Prefix|ImplementationSpecific> backend!:IngressBackend
        IngressTls = hosts:[string] secretName:string
        Ingress = spec:IngressSpec status:any
        ConfigMap = data:{string} binaryData:{string} immutable:bool
        Secret = data:{string} stringData:{string} type:string immutable:bool
        ClaimSpec = accessModes:[string] resources:Resources storageClassName:string volumeName:string volumeMode:string selector:LabelSelector dataSource:any dataSourceRef:any volumeAttributesClassName:string
        PersistentVolumeClaim = spec!:ClaimSpec status:any

        NetworkPolicySpec = podSelector:LabelSelector policyTypes:[string] ingress:[PolicyIngress] egress:[PolicyEgress]
        PolicyIngress = from:[PolicyPeer] ports:[PolicyPort]
        PolicyEgress = to:[PolicyPeer] ports:[PolicyPort]
        PolicyPeer = podSelector:LabelSelector namespaceSelector:LabelSelector ipBlock:IpBlock
        IpBlock = cidr!:string except:[string]
        PolicyPort = port:intorstring endPort:port protocol:<TCP|UDP|SCTP>
        NetworkPolicy = spec!:NetworkPolicySpec status:any

        ScaleTarget = apiVersion:string kind!:string name!:string
        AutoscalerSpec = scaleTargetRef!:ScaleTarget minReplicas:int maxReplicas!:int metrics:[MetricSpec] behavior:AutoscalerBehavior targetCPUUtilizationPercentage:int
        MetricSpec = type!:<Resource|Pods|Object|External|ContainerResource> resource:ResourceMetric pods:any object:any external:any containerResource:any
        ResourceMetric = name!:string target!:MetricTarget
        MetricTarget = type!:<Utilization|Value|AverageValue> averageUtilization:int averageValue:quantity value:quantity
        AutoscalerBehavior = scaleUp:ScalingRules scaleDown:ScalingRules
        ScalingRules = stabilizationWindowSeconds:int selectPolicy:<Max|Min|Disabled> policies:[ScalingPolicy] tolerance:quantity
        ScalingPolicy = type!:<Pods|Percent> value!:int periodSeconds!:int
        HorizontalPodAutoscaler = spec!:AutoscalerSpec status:any
        BudgetSpec = selector:LabelSelector minAvailable:intorstring maxUnavailable:intorstring unhealthyPodEvictionPolicy:string
        PodDisruptionBudget = spec!:BudgetSpec status:any

        QuotaSpec = hard:{quantity} scopes:[string] scopeSelector:any
        ResourceQuota = spec!:QuotaSpec status:any
        LimitItem = type!:<Container|Pod|PersistentVolumeClaim> max:{quantity} min:{quantity} default:{quantity} defaultRequest:{quantity} maxLimitRequestRatio:{quantity}
        LimitsSpec = limits!:[LimitItem]
        LimitRange = spec!:LimitsSpec
        RuntimeClass = handler!:string overhead:any scheduling:any
        NamespaceSpec = finalizers:[string]
        Namespace = spec:NamespaceSpec status:any
        ServiceAccount = secrets:[ObjectReference] imagePullSecrets:[LocalReference] automountServiceAccountToken:bool
        PolicyRule = apiGroups:[string] resources:[string] verbs!:[string] resourceNames:[string] nonResourceURLs:[string]
        Role = rules:[PolicyRule]
        ClusterRole = rules:[PolicyRule] aggregationRule:any
        Subject = kind!:string name!:string namespace:string apiGroup:string
        RoleRef = apiGroup:string kind!:string name!:string
        RoleBinding = subjects:[Subject] roleRef!:RoleRef
        ClusterRoleBinding = subjects:[Subject] roleRef!:RoleRef
        Node = spec:any status:any
        Event = involvedObject:ObjectReference reason:string message:string type:string count:int firstTimestamp:time lastTimestamp:time eventTime:time source:any reportingComponent:string reportingInstance:string action:string related:any series:any
        """;
}
