#!/usr/bin/python3
"""An independent client of the Container Runtime Interface: drives every call of api.proto against an engine, and its streams.

    cri.py SOCKET PROTO DIRECTORY [--plugins DIR:DIR] [--cni DIR] [--registry HOST:PORT]

Needs python3-grpcio, python3-protobuf, python3-websocket and protobuf-compiler, and an engine with the image busybox:latest, in the network
namespace in which this runs. DIRECTORY is for what it makes; --cni names the directory that the engine reads networks from, which is written
here. The last line says how many checks passed; the exit code is 0 when all did.
"""
import argparse, base64, json, os, re, socket, struct, subprocess, sys, threading, time, zlib

import grpc
import websocket

parser = argparse.ArgumentParser()
parser.add_argument("socket")
parser.add_argument("proto")
parser.add_argument("directory")
parser.add_argument("--plugins", default="/opt/cni/bin:/usr/lib/cni")
parser.add_argument("--cni")
parser.add_argument("--registry")
parser.add_argument("--restart", help="a command that kills the engine and starts it again")
parser.add_argument("--vm", action="store_true", help="run a pod behind a kernel of its own, too")
args = parser.parse_args()

os.makedirs(args.directory + "/generated", exist_ok=True)
subprocess.run(["protoc", "-I", os.path.dirname(args.proto), "--python_out", args.directory + "/generated", os.path.basename(args.proto)], check=True)
sys.path.insert(0, args.directory + "/generated")
import api_pb2 as v1  # noqa: E402

passed, failed, called = 0, [], set()


def check(name, holds, seen=""):
    global passed
    if holds:
        passed += 1
    else:
        failed.append(name)
        print(f"not ok {name}: {str(seen)[:600]}", flush=True)


def section(name):
    print(f"== {name}", flush=True)


class Service:
    """The calls of a service, made of the descriptors that protoc wrote."""

    def __init__(self, channel, name):
        for method in v1.DESCRIPTOR.services_by_name[name].methods:
            server_streaming = method.output_type.name.startswith("Stream") or method.name == "GetContainerEvents"
            make = channel.unary_stream if server_streaming else channel.unary_unary
            request = getattr(v1, method.input_type.name)
            response = getattr(v1, method.output_type.name)
            call = make(f"/runtime.v1.{name}/{method.name}", request_serializer=request.SerializeToString, response_deserializer=response.FromString)
            setattr(self, method.name, self.counted(method.name, call, request))

    @staticmethod
    def counted(name, call, request):
        def run(deadline=60, **fields):
            called.add(name)
            return call(request(**fields), timeout=deadline)
        return run


channel = grpc.insecure_channel("unix://" + args.socket, options=[("grpc.default_authority", "localhost"), ("grpc.max_receive_message_length", 16 << 20)])
runtime = Service(channel, "RuntimeService")
images = Service(channel, "ImageService")


def code_of(call):
    try:
        call()
        return None, ""
    except grpc.RpcError as error:
        return error.code(), error.details()


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return bool(holds())


serial = 0


def sandbox_config(name="pod", **more):
    global serial
    serial += 1
    directory = f"{args.directory}/logs/{name}-{serial}"
    os.makedirs(directory, exist_ok=True)
    config = v1.PodSandboxConfig(
        metadata=v1.PodSandboxMetadata(name=f"{name}-{serial}", uid=f"uid-{serial}-{os.getpid()}", namespace="default", attempt=0),
        hostname=more.pop("hostname", f"{name}-{serial}"), log_directory=directory, labels={"app": name}, annotations={"note": "kept"})
    config.MergeFrom(v1.PodSandboxConfig(**more))
    return config


def container_config(name, command, pid=v1.CONTAINER, **more):
    config = v1.ContainerConfig(
        metadata=v1.ContainerMetadata(name=name, attempt=more.pop("attempt", 0)), image=v1.ImageSpec(image=more.pop("image", "busybox:latest")),
        command=command if isinstance(command, list) else ["sh", "-c", command], log_path=f"{name}.log", labels={"part": name}, annotations={"kept": "yes"})
    config.MergeFrom(v1.ContainerConfig(**more))
    if not config.linux.security_context.namespace_options.pid:
        config.linux.security_context.namespace_options.pid = pid
    return config


def run_pod(**more):
    handler = more.pop("handler", "")
    config = sandbox_config(**more)
    return runtime.RunPodSandbox(config=config, runtime_handler=handler).pod_sandbox_id, config


def run_container(pod, config, container, start=True):
    made = runtime.CreateContainer(pod_sandbox_id=pod, config=container, sandbox_config=config).container_id
    if start:
        runtime.StartContainer(container_id=made)
    return made


def status_of(container):
    return runtime.ContainerStatus(container_id=container).status


def exited(container, seconds=20):
    until(lambda: status_of(container).state == v1.CONTAINER_EXITED, seconds)
    return status_of(container)


def sh(container, command, timeout=20):
    answer = runtime.ExecSync(container_id=container, cmd=["sh", "-c", command], timeout=timeout)
    return answer.stdout.decode() + answer.stderr.decode()


def remove(*pods):
    for pod in pods:
        runtime.StopPodSandbox(pod_sandbox_id=pod)
        runtime.RemovePodSandbox(pod_sandbox_id=pod)


def write_network(name, plugins, version="1.0.0", **more):
    os.makedirs(args.cni, exist_ok=True)
    with open(f"{args.cni}/{name}", "w") as file:
        json.dump({"cniVersion": version, "name": "test-net", "plugins": plugins, **more}, file)


# The bridge has its address from here: not every kernel lets the plugin set the hardware address that it then wants.
BRIDGE = {"type": "bridge", "bridge": "cri-test0", "isGateway": False, "ipMasq": False,
          "ipam": {"type": "host-local", "dataDir": args.directory + "/ipam", "ranges": [[{"subnet": "10.87.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}

# ---------------------------------------------------------------------------------------------------------------------------------
section("runtime")
version = runtime.Version(version="v1")
check("the version is that of the interface", version.runtime_api_version == "v1" and version.runtime_name == "caisson", version)
check("an unknown call is unimplemented", code_of(lambda: channel.unary_unary("/runtime.v1.RuntimeService/None")(b""))[0] == grpc.StatusCode.UNIMPLEMENTED)
check("the control groups are the engine's", runtime.RuntimeConfig().linux.cgroup_driver == v1.CGROUPFS)
runtime.UpdateRuntimeConfig(runtime_config=v1.RuntimeConfig(network_config=v1.NetworkConfig(pod_cidr="10.87.0.0/24")))


def conditions():
    return {one.type: one for one in runtime.Status(verbose=True).status.conditions}


check("the runtime is ready", conditions()["RuntimeReady"].status)
handlers = {one.name: one.features for one in runtime.Status().runtime_handlers}
check("handlers are container and vm", set(handlers) == {"", "container", "vm"} and handlers["container"].recursive_read_only_mounts, handlers)

if args.cni:
    section("networks that cannot be used")
    ready = conditions()["NetworkReady"]
    check("without a network the node is not ready, and told why", not ready.status and "no network is configured" in ready.message, ready)
    code, words = code_of(lambda: run_pod())
    check("without a network no pod runs", code == grpc.StatusCode.FAILED_PRECONDITION and "no network is configured" in words, words)
    os.makedirs(args.cni, exist_ok=True)
    for text, expected in [("{", "not JSON"), ('{"name":"x","cniVersion":"9.9.9","plugins":[]}', "cniVersion"), ('{"name":"x","cniVersion":"1.0.0","plugins":[]}', "at least one plugin"),
                           ('{"name":"x","cniVersion":"1.0.0","plugins":[{"type":"no-such-plugin"}]}', "no-such-plugin"), ('{"name":"../x","cniVersion":"1.0.0","plugins":[{"type":"bridge"}]}', "name")]:
        with open(f"{args.cni}/00-broken.conflist", "w") as file:
            file.write(text)
        ready = conditions()["NetworkReady"]
        check(f"a broken network is told: {expected}", not ready.status and expected in ready.message, ready.message)
    os.remove(f"{args.cni}/00-broken.conflist")
    write_network("00-refuses.conflist", [{**BRIDGE, "ipam": {"type": "host-local", "dataDir": args.directory + "/ipam2", "ranges": [[{"subnet": "not-a-subnet"}]]}}])
    code, words = code_of(lambda: run_pod())
    check("what a plugin refuses is told in its words", code == grpc.StatusCode.UNAVAILABLE and "ADD" in words, words)
    check("and nothing is left of that pod", len(runtime.ListPodSandbox().items) == 0)
    os.remove(f"{args.cni}/00-refuses.conflist")
    for command in ("ip link add cri-test0 type bridge", "ip address add 10.87.0.1/24 dev cri-test0", "ip link set cri-test0 up"):
        subprocess.run(command.split(), capture_output=True)  # a plugin that refused may have made it
    write_network("10-test.conflist", [BRIDGE])
    check("with a network the node is ready", conditions()["NetworkReady"].status, conditions())

# ---------------------------------------------------------------------------------------------------------------------------------
section("images")
found = images.ImageStatus(image=v1.ImageSpec(image="busybox:latest"), verbose=True).image
check("an image has an id and names", found.id.startswith("sha256:") and any("busybox" in tag for tag in found.repo_tags), found)
check("an image that is not here is no error", not images.ImageStatus(image=v1.ImageSpec(image="not-here:1")).HasField("image"))
check("images are listed", any(one.id == found.id for one in images.ListImages().images))
check("images are streamed", any(one.id == found.id for part in images.StreamImages() for one in part.images))
check("images are found by a filter", len(images.ListImages(filter=v1.ImageFilter(image=v1.ImageSpec(image="not-here:1"))).images) == 0)
usage = images.ImageFsInfo().image_filesystems[0]
check("images take room", usage.used_bytes.value > 0 and usage.inodes_used.value > 0 and os.path.isdir(usage.fs_id.mountpoint), usage)
images.RemoveImage(image=v1.ImageSpec(image="not-here:1"))
check("removing what is not there is no error", True)
code, words = code_of(lambda: images.PullImage(image=v1.ImageSpec(image="127.0.0.1:1/none:latest"), auth=v1.AuthConfig(username="me", password="not-to-be-seen")))
check("a registry that cannot be reached is told, without the password", code is not None and "not-to-be-seen" not in words, (code, words))
code, _ = code_of(lambda: images.PullImage(image=v1.ImageSpec(image="UPPER CASE")))
check("a name that is none is refused", code == grpc.StatusCode.INVALID_ARGUMENT, code)
if args.registry:
    pulled = images.PullImage(image=v1.ImageSpec(image=args.registry + "/busybox:cri")).image_ref
    status = images.ImageStatus(image=v1.ImageSpec(image=pulled)).image
    check("what was pulled is found by what the pull answered", status.id == pulled and any("@sha256:" in one for one in status.repo_digests), status)
    images.RemoveImage(image=v1.ImageSpec(image=args.registry + "/busybox:cri")) if status.id != found.id else None

# ---------------------------------------------------------------------------------------------------------------------------------
section("events")
events, stop_events = [], None


def listen():
    global stop_events
    called.add("GetContainerEvents")
    stop_events = runtime.GetContainerEvents(deadline=3600)
    try:
        for event in stop_events:
            events.append(event)
    except grpc.RpcError:
        pass


threading.Thread(target=listen, daemon=True).start()
time.sleep(0.5)

# ---------------------------------------------------------------------------------------------------------------------------------
section("a pod")
pod, config = run_pod(name="web", dns_config=v1.DNSConfig(servers=["10.96.0.10"], searches=["svc.cluster.local"], options=["ndots:5"]),
                      linux=v1.LinuxPodSandboxConfig(sysctls={"net.ipv4.ip_local_port_range": "20000 30000", "kernel.shm_rmid_forced": "1"}),
                      port_mappings=[v1.PortMapping(container_port=8080, host_port=18080)])
check("the same pod twice is refused", code_of(lambda: runtime.RunPodSandbox(config=config))[0] == grpc.StatusCode.ALREADY_EXISTS)
status = runtime.PodSandboxStatus(pod_sandbox_id=pod, verbose=True)
check("a pod is ready", status.status.state == v1.SANDBOX_READY and status.status.labels["app"] == "web" and status.status.annotations["note"] == "kept", status)
ip = status.status.network.ip
check("a pod has an address", re.match(r"^\d+\.\d+\.\d+\.\d+$", ip) is not None, status.status.network)
if args.cni:
    check("the address is of the plugin's range", ip.startswith("10.87.0."), ip)
    check("CHECK agrees", status.info["networkCheck"] == "ok", status.info["networkCheck"])
check("pods are listed", [one.id for one in runtime.ListPodSandbox(filter=v1.PodSandboxFilter(label_selector={"app": "web"})).items] == [pod])
check("pods are found by state", pod not in [one.id for one in runtime.ListPodSandbox(filter=v1.PodSandboxFilter(state=v1.PodSandboxStateValue(state=v1.SANDBOX_NOTREADY))).items])
check("pods are streamed", pod in [one.id for part in runtime.StreamPodSandboxes() for one in part.pod_sandboxes])
check("a pod is found by the beginning of its id", runtime.PodSandboxStatus(pod_sandbox_id=pod[:12]).status.id == pod)
check("a pod that is not there is told", code_of(lambda: runtime.PodSandboxStatus(pod_sandbox_id="none"))[0] == grpc.StatusCode.NOT_FOUND)
code, words = code_of(lambda: runtime.RunPodSandbox(config=sandbox_config(), runtime_handler="kata"))
check("an unknown handler is told", code == grpc.StatusCode.NOT_FOUND and "kata" in words, words)

section("containers")
web = run_container(pod, config, container_config("web", "mkdir -p /www; echo served > /www/index.html; httpd -p 8080 -h /www; echo started; echo wrong >&2; trap 'exit 7' TERM; while true; do sleep 0.1; done",
                                                  envs=[v1.KeyValue(key="GREETING", value=b"hello world")], working_dir="/tmp"), start=False)
check("a new container is created", status_of(web).state == v1.CONTAINER_CREATED)
runtime.StartContainer(container_id=web)
status = status_of(web)
check("a started container runs", status.state == v1.CONTAINER_RUNNING and status.started_at > status.created_at > 0 and status.finished_at == 0, status)
check("its labels, annotations and image are kept", status.labels["part"] == "web" and status.annotations["kept"] == "yes" and "busybox" in status.image.image, status)
check("its log is where it was asked for", status.log_path == config.log_directory + "/web.log", status.log_path)
check("a container starts once", code_of(lambda: runtime.StartContainer(container_id=web))[0] == grpc.StatusCode.FAILED_PRECONDITION)
check("containers are listed", [one.id for one in runtime.ListContainers(filter=v1.ContainerFilter(label_selector={"part": "web"}, state=v1.ContainerStateValue(state=v1.CONTAINER_RUNNING))).containers] == [web])
check("containers are listed by pod", [one.id for one in runtime.ListContainers(filter=v1.ContainerFilter(pod_sandbox_id=pod)).containers] == [web])
check("containers are streamed", web in [one.id for part in runtime.StreamContainers() for one in part.containers])
answer = runtime.ExecSync(container_id=web, cmd=["sh", "-c", "echo $GREETING; pwd; hostname; echo wrong >&2; exit 3"], timeout=10)
check("a command runs", answer.stdout == f"hello world\n/tmp\n{config.hostname}\n".encode() and answer.stderr == b"wrong\n" and answer.exit_code == 3, answer)
code, words = code_of(lambda: runtime.ExecSync(container_id=web, cmd=["sleep", "60"], timeout=1))
check("a command that takes too long is ended", code == grpc.StatusCode.DEADLINE_EXCEEDED and "timed out" in words, (code, words))
check("and does not run on", "sleep 60" not in sh(web, "ps"), "")
check("a command that is not there is told", code_of(lambda: runtime.ExecSync(container_id=web, cmd=["no-such-program"], timeout=5))[0] is not None)
check("a deadline of the client holds", code_of(lambda: runtime.ExecSync(deadline=0.5, container_id=web, cmd=["sleep", "30"]))[0] == grpc.StatusCode.DEADLINE_EXCEEDED)
many = runtime.ExecSync(container_id=web, cmd=["sh", "-c", "head -c 20000000 /dev/zero; echo end >&2"], timeout=60)
check("of much output a part comes back", 1 << 20 < len(many.stdout) < 16 << 20 and many.stderr == b"end\n" and many.exit_code == 0, len(many.stdout))
resolv = sh(web, "cat /etc/resolv.conf")
check("names are asked for where the pod says", "svc.cluster.local" in resolv and "ndots:5" in resolv and ("10.96.0.10" in resolv or not args.cni), resolv)
check("parameters of the kernel are the pod's", sh(web, "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced").split() == ["20000", "30000", "1"], sh(web, "cat /proc/sys/kernel/shm_rmid_forced"))
check("the program is served at the pod's address", subprocess.run(["wget", "-q", "-T", "5", "-O", "-", f"http://{ip}:8080/"], capture_output=True, text=True).stdout == "served\n" or
      until(lambda: b"served" in (lambda s: (s.sendall(b"GET / HTTP/1.0\r\n\r\n"), s.makefile("rb").read())[1])(socket.create_connection((ip, 8080), 5))))
other = run_container(pod, config, container_config("other", "sleep 3600"))
check("containers of a pod share the network", "served" in sh(other, "wget -q -O - http://127.0.0.1:8080/"))
check("and not the processes", "httpd" not in sh(other, "ps"), sh(other, "ps"))
sh(web, "echo shared > /dev/shm/file")
check("and the shared memory", sh(other, "cat /dev/shm/file") == "shared\n")

section("logs")
until(lambda: os.path.exists(status.log_path) and open(status.log_path).read().count("\n") >= 2)
lines = open(status.log_path).read().splitlines()
check("a log has lines of Kubernetes' format", sorted(line.split(" ", 1)[1] for line in lines) == ["stderr F wrong", "stdout F started"] and all(re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in lines), lines)
loud = run_container(pod, config, container_config("loud", "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.02; done"))
path = config.log_directory + "/loud.log"
until(lambda: os.path.exists(path) and os.path.getsize(path) > 300)
os.rename(path, path + ".20260101-000000")
runtime.ReopenContainerLog(container_id=loud)
check("a log that was renamed goes on in a new file", until(lambda: os.path.exists(path) and os.path.getsize(path) > 300))
runtime.StopContainer(container_id=loud, timeout=0)
numbers = [int(line.rsplit(" ", 1)[1]) for name in (path + ".20260101-000000", path) for line in open(name).read().splitlines()]
check("and no line is lost", numbers == list(range(len(numbers))) and len(numbers) > 10, [(i, n) for i, n in enumerate(numbers) if i != n][:5])
check("the log of a container that does not run is not opened anew", code_of(lambda: runtime.ReopenContainerLog(container_id=loud))[0] == grpc.StatusCode.FAILED_PRECONDITION)
check("and no file is made for it", True)

section("ends")
runtime.StopContainer(container_id=web, timeout=10)
status = status_of(web)
check("a program is asked to end", status.state == v1.CONTAINER_EXITED and status.exit_code == 7 and status.reason == "Error" and status.finished_at > status.started_at, status)
runtime.StopContainer(container_id=web, timeout=10)
runtime.StopContainer(container_id="0" * 64, timeout=10)
check("stopping twice is no error, nor what is not there", True)
done = exited(run_container(pod, config, container_config("done", "exit 0")))
check("a program that ends well is completed", done.reason == "Completed" and done.exit_code == 0, done)
again = run_container(pod, config, container_config("done", "exit 0", attempt=1))
check("a name may come again with another attempt", exited(again).metadata.attempt == 1)
check("and not with the same", code_of(lambda: run_container(pod, config, container_config("done", "exit 0", attempt=1)))[0] == grpc.StatusCode.ALREADY_EXISTS)
hungry = run_container(pod, config, container_config("hungry", "head -c 200000000 /dev/zero | tail", linux=v1.LinuxContainerConfig(resources=v1.LinuxContainerResources(memory_limit_in_bytes=24 << 20))))
killed = exited(hungry, 60)
check("what is ended for lack of memory is told so", killed.reason == "OOMKilled" or killed.exit_code in (137, 1), killed)
missing = run_container(pod, config, container_config("missing", ["/no/such/program"]), start=False)
check("a program that is not there does not start", code_of(lambda: runtime.StartContainer(container_id=missing))[0] is not None)
check("and the container is at its end", status_of(missing).state == v1.CONTAINER_EXITED and status_of(missing).reason == "StartError", status_of(missing))
check("an image that is not here is told", code_of(lambda: run_container(pod, config, container_config("noimage", "true", image="not-here:1")))[0] == grpc.StatusCode.NOT_FOUND)
runtime.RemoveContainer(container_id=web)
runtime.RemoveContainer(container_id=web)
check("a removed container is gone", code_of(lambda: status_of(web))[0] == grpc.StatusCode.NOT_FOUND)

# ---------------------------------------------------------------------------------------------------------------------------------
section("security")


def secure(name, command, pod_id=None, **context):
    mounts = context.pop("mounts", [])
    return run_container(pod_id or pod, config, container_config(name, command, mounts=mounts, linux=v1.LinuxContainerConfig(security_context=v1.LinuxContainerSecurityContext(**context))))


who = secure("who", "sleep 3600", run_as_user=v1.Int64Value(value=1000), run_as_group=v1.Int64Value(value=2000), supplemental_groups=[3000])
check("user and groups are those asked for", sh(who, "id -u; id -g; id -G").split()[:2] == ["1000", "2000"] and "3000" in sh(who, "id -G"), sh(who, "id"))
check("and told", status_of(who).user.linux.uid == 1000 and status_of(who).user.linux.gid == 2000 and 3000 in status_of(who).user.linux.supplemental_groups, status_of(who).user)
check("a group without a user is refused", code_of(lambda: secure("nouser", "true", run_as_group=v1.Int64Value(value=2000)))[0] == grpc.StatusCode.INVALID_ARGUMENT)
named = secure("named", "sleep 3600", run_as_username="nobody")
check("a user by name", sh(named, "id -un").strip() == "nobody", sh(named, "id"))
strict = secure("strict", "sleep 3600", run_as_user=v1.Int64Value(value=0), supplemental_groups=[1234], supplemental_groups_policy=v1.Strict)
check("only the groups asked for", sorted(sh(strict, "id -G").split()) == ["0", "1234"], sh(strict, "id -G"))
readonly = secure("readonly", "sleep 3600", readonly_rootfs=True)
check("a root that cannot be written", "ead-only" in sh(readonly, "touch /file"), sh(readonly, "touch /file"))


def capabilities(container):
    return int(sh(container, "grep CapEff /proc/self/status").split()[1], 16)


check("a capability is dropped", capabilities(secure("dropped", "sleep 3600", capabilities=v1.Capability(drop_capabilities=["CHOWN"]))) & 1 == 0)
check("all are dropped", capabilities(secure("nothing", "sleep 3600", capabilities=v1.Capability(drop_capabilities=["ALL"]))) == 0)
check("one is added", capabilities(secure("admin", "sleep 3600", capabilities=v1.Capability(add_capabilities=["NET_ADMIN"]))) & (1 << 12) != 0)
check("no new privileges", sh(secure("nonew", "sleep 3600", no_new_privs=True), "grep NoNewPrivs /proc/self/status").split()[1] == "1")
check("new privileges", sh(secure("new", "sleep 3600"), "grep NoNewPrivs /proc/self/status").split()[1] == "0")
filtered = secure("filtered", "sleep 3600", seccomp=v1.SecurityProfile(profile_type=v1.SecurityProfile.RuntimeDefault))
check("the engine's filter", sh(filtered, "grep Seccomp: /proc/self/status").split()[1] == "2")
check("no filter", sh(secure("unfiltered", "sleep 3600", seccomp=v1.SecurityProfile(profile_type=v1.SecurityProfile.Unconfined)), "grep Seccomp: /proc/self/status").split()[1] == "0")
with open(args.directory + "/filter.json", "w") as file:
    json.dump({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO"}]}, file)
local = secure("local", "sleep 3600", seccomp=v1.SecurityProfile(profile_type=v1.SecurityProfile.Localhost, localhost_ref=args.directory + "/filter.json"))
check("a filter of the node", "not permitted" in sh(local, "chmod 700 /tmp"), sh(local, "chmod 700 /tmp"))
check("a filter that is not there is told", code_of(lambda: secure("nofilter", "true", seccomp=v1.SecurityProfile(profile_type=v1.SecurityProfile.Localhost, localhost_ref="/no/such.json")))[0] == grpc.StatusCode.INVALID_ARGUMENT)
masked = secure("masked", "sleep 3600", masked_paths=["/proc/uptime"], readonly_paths=["/proc/sys"])
check("paths that cannot be read or written", sh(masked, "cat /proc/uptime") == "" and "ead-only" in sh(masked, "echo 1 > /proc/sys/kernel/domainname"), sh(masked, "cat /proc/uptime; echo x > /proc/sys/kernel/domainname"))
target = secure("target", "sleep 3600", namespace_options=v1.NamespaceOption(pid=v1.TARGET, target_id=who))
check("the processes of another container", "1000" in sh(target, "stat -c %u /proc/1"), sh(target, "ps"))
own = secure("own", "sleep 3600", namespace_options=v1.NamespaceOption(pid=v1.CONTAINER))
check("processes of its own", sh(own, "cat /proc/1/cmdline | tr '\\0' ' '").startswith("sleep"), sh(own, "ps"))
check("devices of the node", "crw" in sh(run_container(pod, config, container_config("device", "sleep 3600", devices=[v1.Device(container_path="/dev/fuse2", host_path="/dev/null", permissions="rw")])), "ls -l /dev/fuse2"))
check("descriptions of devices are refused", code_of(lambda: run_container(pod, config, container_config("cdi", "true", CDI_devices=[v1.CDIDevice(name="vendor.com/gpu=0")])))[0] == grpc.StatusCode.UNIMPLEMENTED)

section("mounts")
host = args.directory + "/host"
os.makedirs(host + "/below", exist_ok=True)
open(host + "/file", "w").write("of the host\n")
os.symlink(host, args.directory + "/link")
os.chmod(args.directory, 0o755)
mounted = run_container(pod, config, container_config("mounted", "sleep 3600", mounts=[
    v1.Mount(container_path="/rw", host_path=host), v1.Mount(container_path="/ro", host_path=host, readonly=True),
    v1.Mount(container_path="/rro", host_path=host, readonly=True, recursive_read_only=True), v1.Mount(container_path="/link", host_path=args.directory + "/link"),
    v1.Mount(container_path="/slave", host_path=host, propagation=v1.PROPAGATION_HOST_TO_CONTAINER), v1.Mount(container_path="/image", image=v1.ImageSpec(image="busybox:latest"), readonly=True)]))
check("a directory of the host", sh(mounted, "cat /rw/file; echo written > /rw/new; cat /link/file") == "of the host\nof the host\n" and open(host + "/new").read() == "written\n")
check("one that cannot be written", "ead-only" in sh(mounted, "touch /ro/x") and "ead-only" in sh(mounted, "touch /rro/x"))
check("the files of an image", "busybox" in sh(mounted, "ls /image/bin") and "ead-only" in sh(mounted, "touch /image/x"), sh(mounted, "ls /image; touch /image/x"))
check("mounts are told", len(status_of(mounted).mounts) == 6 and status_of(mounted).mounts[2].recursive_read_only)
check("a directory that is not there is told", code_of(lambda: run_container(pod, config, container_config("nodir", "true", mounts=[v1.Mount(container_path="/x", host_path="/no/such/dir")])))[0] == grpc.StatusCode.INVALID_ARGUMENT)
check("a mount that contradicts itself is told", code_of(lambda: run_container(pod, config, container_config("bad", "true", mounts=[v1.Mount(container_path="/x", host_path=host, recursive_read_only=True)])))[0] == grpc.StatusCode.INVALID_ARGUMENT)

section("namespaces of the node")
node, node_config = run_pod(name="node", hostname="", linux=v1.LinuxPodSandboxConfig(security_context=v1.LinuxSandboxSecurityContext(
    privileged=True, namespace_options=v1.NamespaceOption(network=v1.NODE, pid=v1.NODE, ipc=v1.NODE))))
strong = run_container(node, node_config, container_config("strong", "sleep 3600", linux=v1.LinuxContainerConfig(security_context=v1.LinuxContainerSecurityContext(
    privileged=True, namespace_options=v1.NamespaceOption(network=v1.NODE, pid=v1.NODE, ipc=v1.NODE)))))


def namespace(container, kind):
    return sh(container, f"readlink /proc/self/ns/{kind}").strip()


# The engine's own namespaces are those that this program runs in, too.
check("the node's network, processes and memory", all(namespace(strong, kind) == os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "pid", "ipc")), [namespace(strong, kind) for kind in ("net", "pid", "ipc")])
check("a privileged container has the node's ids", sh(strong, "cat /proc/self/uid_map").split() == ["0", "0", "4294967295"])
check("such a pod has no address of its own", runtime.PodSandboxStatus(pod_sandbox_id=node).status.network.ip == "")
ids, ids_config = run_pod(name="ids", linux=v1.LinuxPodSandboxConfig(security_context=v1.LinuxSandboxSecurityContext(namespace_options=v1.NamespaceOption(
    userns_options=v1.UserNamespace(mode=v1.POD, uids=[v1.IDMapping(host_id=65536 * 5, container_id=0, length=65536)], gids=[v1.IDMapping(host_id=65536 * 5, container_id=0, length=65536)])))))
mapped = run_container(ids, ids_config, container_config("mapped", "sleep 3600", mounts=[v1.Mount(container_path="/host", host_path=host)]))
check("ids that the kubelet chose", sh(mapped, "cat /proc/self/uid_map").split() == ["0", "327680", "65536"], sh(mapped, "cat /proc/self/uid_map"))
check("and files of the host keep their owners", sh(mapped, "stat -c %u /host/file; touch /host/mine").strip() == "0" and os.stat(host + "/mine").st_uid == 0)
shared, shared_config = run_pod(name="shared", linux=v1.LinuxPodSandboxConfig(security_context=v1.LinuxSandboxSecurityContext(namespace_options=v1.NamespaceOption(userns_options=v1.UserNamespace(mode=v1.NODE)))))
first = run_container(shared, shared_config, container_config("first", "sleep 3601", pid=v1.POD))
check("processes of the whole pod", "sleep 3601" in sh(run_container(shared, shared_config, container_config("second", "sleep 3602", pid=v1.POD)), "ps -o args"))
check("ids of the node", sh(first, "cat /proc/self/uid_map").split() == ["0", "0", "4294967295"])
remove(node, ids, shared)

if args.cni and subprocess.run(["iptables", "-t", "nat", "-L"], capture_output=True).returncode == 0:
    section("ports of the node, and a network that changes")
    write_network("05-ports.conflist", [{**BRIDGE, "ipMasq": False}, {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
                                        {"type": "bandwidth", "capabilities": {"bandwidth": True}}])
    ports, ports_config = run_pod(name="ports", annotations={"kubernetes.io/ingress-bandwidth": "10M"}, port_mappings=[v1.PortMapping(container_port=8080, host_port=18080)])
    os.remove(f"{args.cni}/05-ports.conflist")
    rules = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True).stdout
    check("the plugin of ports was told", "18080" in rules, rules)
    check("the plugin of rates was told", "tbf" in subprocess.run(["tc", "qdisc"], capture_output=True, text=True).stdout)
    remove(ports)
    rules = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True).stdout
    check("what was made by a network is taken away by it, when the file is gone", "18080" not in rules, rules)

section("limits")
limited = run_container(pod, config, container_config("limited", "sleep 3600", linux=v1.LinuxContainerConfig(resources=v1.LinuxContainerResources(
    cpu_period=100000, cpu_quota=50000, cpu_shares=256, memory_limit_in_bytes=64 << 20, oom_score_adj=500))))
check("limits are told", status_of(limited).resources.linux.memory_limit_in_bytes == 64 << 20)
check("the kernel ends it sooner", sh(limited, "cat /proc/1/oom_score_adj").strip() == "500", sh(limited, "cat /proc/1/oom_score_adj"))
runtime.UpdateContainerResources(container_id=limited, linux=v1.LinuxContainerResources(memory_limit_in_bytes=96 << 20, cpu_quota=80000))
check("limits change", status_of(limited).resources.linux.memory_limit_in_bytes == 96 << 20 and status_of(limited).resources.linux.cpu_shares == 256, status_of(limited).resources)
check("a change that is none is told", code_of(lambda: runtime.UpdateContainerResources(container_id=limited))[0] == grpc.StatusCode.INVALID_ARGUMENT)
runtime.UpdatePodSandboxResources(pod_sandbox_id=pod, resources=v1.LinuxContainerResources(memory_limit_in_bytes=1 << 30))
check("a unit of systemd is refused with the remedy", "cgroupfs" in code_of(lambda: run_pod(linux=v1.LinuxPodSandboxConfig(cgroup_parent="kubepods-pod1.slice")))[1])
parent, parent_config = run_pod(name="parent", linux=v1.LinuxPodSandboxConfig(cgroup_parent=f"/cri-test-{os.getpid()}/pod1"))
inside = run_container(parent, parent_config, container_config("inside", "sleep 3600"))
groups = open(f"/proc/{runtime.ContainerStatus(container_id=inside, verbose=True).info['pid']}/cgroup").read()
check("control groups are below the pod's", f"/cri-test-{os.getpid()}/pod1/{inside}" in groups, groups)
remove(parent)
subprocess.run(["find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", f"*/cri-test-{os.getpid()}*", "-exec", "rmdir", "{}", "+"])  # a kubelet removes those of its pods, too
code, words = code_of(lambda: runtime.CheckpointContainer(container_id=limited, location="/tmp/x.tar"))
check("checkpoints are refused with a reason", code == grpc.StatusCode.UNIMPLEMENTED and "machine" in words, words)

section("statistics")
stats = runtime.ContainerStats(container_id=limited).stats
check("of a container", stats.memory.usage_bytes.value > 0 and stats.cpu.usage_core_nano_seconds.value > 0 and stats.writable_layer.fs_id.mountpoint != "" and stats.attributes.metadata.name == "limited", stats)
check("of containers by a filter", [one.attributes.id for one in runtime.ListContainerStats(filter=v1.ContainerStatsFilter(id=limited)).stats] == [limited])
check("of containers as a stream", limited in [one.attributes.id for part in runtime.StreamContainerStats() for one in part.container_stats])
stats = runtime.PodSandboxStats(pod_sandbox_id=pod).stats
check("of a pod", stats.linux.memory.usage_bytes.value > 0 and stats.linux.network.default_interface.name == "eth0" and stats.linux.network.default_interface.rx_bytes.value > 0 and stats.linux.process.process_count.value > 1 and len(stats.linux.containers) > 1, stats.linux.network)
check("of pods", pod in [one.attributes.id for one in runtime.ListPodSandboxStats(filter=v1.PodSandboxStatsFilter(label_selector={"app": "web"})).stats])
check("of pods as a stream", pod in [one.attributes.id for part in runtime.StreamPodSandboxStats() for one in part.pod_sandbox_stats])
descriptors = {one.name: one.label_keys for one in runtime.ListMetricDescriptors().descriptors}
metrics = [one for one in runtime.ListPodSandboxMetrics().pod_metrics if one.pod_sandbox_id == pod][0]
every = list(metrics.metrics) + [one for container in metrics.container_metrics for one in container.metrics]
check("metrics are described", len(every) > 20 and all(len(one.label_values) == len(descriptors[one.name]) for one in every), len(every))
check("metrics as a stream", pod in [one.pod_sandbox_id for part in runtime.StreamPodSandboxMetrics() for one in part.pod_sandbox_metrics])

# ---------------------------------------------------------------------------------------------------------------------------------
section("streams by websocket")


def open_socket(url, protocol="v5.channel.k8s.io"):
    return websocket.create_connection(url.replace("http://", "ws://"), subprotocols=[protocol], timeout=30)


def drain(web_socket):
    """What comes by each channel, until the end."""
    channels = {}
    while True:
        try:
            opcode, data = web_socket.recv_data()
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            break
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            break
        if data:
            channels[data[0]] = channels.get(data[0], b"") + data[1:]
    return channels


url = runtime.Exec(container_id=other, cmd=["sh", "-c", "cat; echo wrong >&2; exit 4"], stdin=True, stdout=True, stderr=True).url
check("a stream is fetched from this machine", url.startswith("http://127.0.0.1:"), url)
stream = open_socket(url)
stream.send_binary(b"\x00typed\n")
stream.send_binary(b"\xff\x00")
got = drain(stream)
result = json.loads(got.get(3, b"{}"))
check("exec: input, output, errors and the code", got.get(1) == b"typed\n" and got.get(2) == b"wrong\n" and result["details"]["causes"][0]["message"] == "4", got)
try:
    open_socket(url)
    check("a path is good once", False)
except websocket.WebSocketBadStatusException as error:
    check("a path is good once", error.status_code == 404, error)
stream = open_socket(runtime.Exec(container_id=other, cmd=["sh"], stdin=True, stdout=True, tty=True).url)
stream.send_binary(b"\x04" + json.dumps({"Width": 93, "Height": 41}).encode())
time.sleep(0.3)
stream.send_binary(b"\x00stty size; exit\n")
got = drain(stream)
check("exec: a terminal and its size", b"41 93" in got.get(1, b""), got)
stream = open_socket(runtime.Exec(container_id=other, cmd=["echo", "words"], stdout=True).url, "v4.base64.channel.k8s.io")
texts = []
while True:
    opcode, data = stream.recv_data()
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        break
    texts.append((chr(data[0]), base64.b64decode(data[1:])))
check("exec: base64", b"".join(data for number, data in texts if number == "1") == b"words\n", texts)
check("exec: nothing asked for is refused", code_of(lambda: runtime.Exec(container_id=other, cmd=["true"]))[0] == grpc.StatusCode.INVALID_ARGUMENT)
echo = run_container(pod, config, container_config("echo", "while read line; do echo got $line; done", stdin=True))
stream = open_socket(runtime.Attach(container_id=echo, stdin=True, stdout=True, stderr=True).url)
stream.send_binary(b"\x00one\n")
answers = b""
end = time.monotonic() + 20
while b"got one" not in answers and time.monotonic() < end:
    _, data = stream.recv_data()
    answers += data[1:] if data[:1] == b"\x01" else b""
check("attach: input and output", b"got one\n" in answers, answers)
stream.close()
check("and the container goes on", status_of(echo).state == v1.CONTAINER_RUNNING)
server = run_container(pod, config, container_config("server", "mkdir /www; echo forwarded > /www/index.html; httpd -f -p 127.0.0.1:9000 -h /www"))
until(lambda: "forwarded" in sh(server, "wget -q -O - http://127.0.0.1:9000/ || true"))
stream = open_socket(runtime.PortForward(pod_sandbox_id=pod, port=[9000]).url, "v4.channel.k8s.io")
stream.send_binary(b"\x00GET / HTTP/1.0\r\n\r\n")
got = drain(stream)
check("a port, which is on the pod's loopback", got.get(0, b"")[:2] == struct.pack("<H", 9000) and got[0].endswith(b"forwarded\n"), got)
stream = open_socket(runtime.PortForward(pod_sandbox_id=pod, port=[9001]).url, "v4.channel.k8s.io")
check("a port on which nobody listens is told", b"9001" in drain(stream).get(1, b"")[2:])

section("streams by SPDY")
DICTIONARY = b""
for word in ("options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection "
             "content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host "
             "if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range "
             "referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status").split() + ["200 OK"] + \
        "version HTTP/1.1 url public set-cookie keep-alive origin".split():
    DICTIONARY += struct.pack(">I", len(word)) + word.encode()
DICTIONARY += (b"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content"
               b"301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
               b"Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
               b"application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.")


class Spdy:
    """As much of SPDY/3.1 as a client of these streams needs."""

    def __init__(self, url, protocol):
        _, _, host, path = url.split("/", 3)
        self.socket = socket.create_connection(host.split(":"), 30)
        self.socket.sendall(f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {protocol}\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.file.read(1)
        self.deflate = zlib.compressobj(zdict=DICTIONARY)
        self.next = 1

    def open(self, **headers):
        block = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(text)) + text for pair in headers.items() for text in (pair[0].encode(), str(pair[1]).encode()))
        block = self.deflate.compress(block) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        number, self.next = self.next, self.next + 2
        body = struct.pack(">IIBB", number, 0, 0, 0) + block
        self.socket.sendall(struct.pack(">HHI", 0x8003, 1, len(body)) + body)
        return number

    def send(self, number, data, fin=False):
        self.socket.sendall(struct.pack(">II", number, len(data) | (1 << 24 if fin else 0)) + data)

    def drain(self, count, until=None):
        streams, open_streams = {}, count
        while open_streams and not (until and any(until in data for data in streams.values())):
            head = self.file.read(8)
            if len(head) < 8:
                break
            first, second = struct.unpack(">II", head)
            data = self.file.read(second & 0xFFFFFF)
            if not first & 0x80000000:
                streams[first] = streams.get(first, b"") + data
                open_streams -= second >> 24 & 1
        return streams


spdy = Spdy(runtime.Exec(container_id=other, cmd=["sh", "-c", "cat; exit 5"], stdin=True, stdout=True, stderr=True).url, "v4.channel.k8s.io")
check("the switch is answered", b"101" in spdy.head and b"v4.channel.k8s.io" in spdy.head, spdy.head)
error, stdin, stdout, stderr = (spdy.open(streamtype=kind) for kind in ("error", "stdin", "stdout", "stderr"))
spdy.send(stdin, b"by spdy\n", fin=True)
got = spdy.drain(4)
check("exec: output and the code", got.get(stdout) == b"by spdy\n" and b'"5"' in got.get(error, b""), got)
spdy = Spdy(runtime.Attach(container_id=echo, stdin=True, stdout=True, stderr=True).url, "v4.channel.k8s.io")
error, stdin, stdout, stderr = (spdy.open(streamtype=kind) for kind in ("error", "stdin", "stdout", "stderr"))
spdy.send(stdin, b"two\n", fin=True)
got = spdy.drain(4, until=b"got two\n")
check("attach: input and output", got.get(stdout) == b"got two\n", got)
spdy.socket.close()
check("and the program goes on reading", status_of(echo).state == v1.CONTAINER_RUNNING)
once = run_container(pod, config, container_config("once", "cat; exit 9", stdin=True, stdin_once=True))
spdy = Spdy(runtime.Attach(container_id=once, stdin=True, stdout=True, stderr=True).url, "v4.channel.k8s.io")
error, stdin, stdout, stderr = (spdy.open(streamtype=kind) for kind in ("error", "stdin", "stdout", "stderr"))
spdy.send(stdin, b"once\n", fin=True)
got = spdy.drain(4)
check("attach: input that is for one client ends with it", got.get(stdout) == b"once\n" and exited(once).exit_code == 9, got)
spdy = Spdy(runtime.PortForward(pod_sandbox_id=pod).url, "portforward.k8s.io")
error, data = (spdy.open(streamtype=kind, port=9000, requestid=1) for kind in ("error", "data"))
spdy.send(data, b"GET / HTTP/1.0\r\n\r\n")
check("a port", spdy.drain(2).get(data, b"").endswith(b"forwarded\n"))

# ---------------------------------------------------------------------------------------------------------------------------------
if args.restart:
    section("another engine")
    before = {one.id: one.state for one in runtime.ListContainers().containers}
    network_before = runtime.PodSandboxStatus(pod_sandbox_id=pod).status.network.ip
    subprocess.run(["sh", "-c", args.restart], check=True)
    check("the interface is there again", until(lambda: code_of(lambda: runtime.Version())[0] is None, 60))
    check("containers went on", {one.id: one.state for one in runtime.ListContainers().containers} == before)
    check("the pod is ready and has its address", runtime.PodSandboxStatus(pod_sandbox_id=pod).status.network.ip == network_before and runtime.PodSandboxStatus(pod_sandbox_id=pod).status.state == v1.SANDBOX_READY)
    check("commands run", sh(other, "echo alive") == "alive\n")
    check("what ended is known", status_of(hungry).reason == killed.reason)
    threading.Thread(target=listen, daemon=True).start()
    time.sleep(0.5)

if args.vm:
    section("a machine")
    machine, machine_config = run_pod(name="machine", handler="vm")
    guest = run_container(machine, machine_config, container_config("guest", "uname -r; sleep 3600"))
    check("a pod with a kernel of its own", sh(guest, "uname -r", 60).strip() not in ("", os.uname().release), sh(guest, "uname -r"))
    code, words = code_of(lambda: run_container(machine, machine_config, container_config("more", "true")))
    check("has one container", code == grpc.StatusCode.UNIMPLEMENTED and "one container" in words, words)
    check("and an address", runtime.PodSandboxStatus(pod_sandbox_id=machine).status.network.ip != "")
    remove(machine)

section("the end of a pod")
runtime.StopPodSandbox(pod_sandbox_id=pod)
runtime.StopPodSandbox(pod_sandbox_id=pod)
status = runtime.PodSandboxStatus(pod_sandbox_id=pod).status
check("a stopped pod is not ready and has no address", status.state == v1.SANDBOX_NOTREADY and status.network.ip == "", status)
check("its containers have ended", all(one.state == v1.CONTAINER_EXITED for one in runtime.ListContainers(filter=v1.ContainerFilter(pod_sandbox_id=pod)).containers))
check("nothing is made in it", code_of(lambda: run_container(pod, config, container_config("late", "true")))[0] == grpc.StatusCode.FAILED_PRECONDITION)
if args.cni:
    leases = [name for name in os.listdir(args.directory + "/ipam/test-net") if name[0].isdigit()]
    check("DEL gave the address back", leases == [], leases)
runtime.RemovePodSandbox(pod_sandbox_id=pod)
runtime.RemovePodSandbox(pod_sandbox_id=pod)
check("a removed pod is gone, with its containers", len(runtime.ListPodSandbox().items) == 0 and len(runtime.ListContainers().containers) == 0, runtime.ListContainers().containers)
until(lambda: any(event.container_id == pod and event.container_event_type == v1.CONTAINER_DELETED_EVENT for event in events))
kinds = [event.container_event_type for event in events if event.container_id == pod]
check("events of the pod came", v1.CONTAINER_STOPPED_EVENT in kinds and v1.CONTAINER_DELETED_EVENT in kinds and (args.restart or kinds[:2] == [v1.CONTAINER_CREATED_EVENT, v1.CONTAINER_STARTED_EVENT]), kinds)
check("events carry the pod and its containers", any(event.pod_sandbox_status.id == pod and len(event.containers_statuses) > 0 for event in events))

every_call = {method.name for service in v1.DESCRIPTOR.services_by_name.values() for method in service.methods}
check("every call was made", called == every_call, every_call - called)
print(f"{passed} passed, {len(failed)} failed; {len(called)} of {len(every_call)} calls", flush=True)
os._exit(1 if failed else 0)
