"""The client of bench/cri.sh: cri.py PROTO DIRECTORY SOCKET pods|lists host|cni COUNT. Prints milliseconds, one a line."""
import os, subprocess, sys, time

import grpc

proto, directory, address, what, network, count = sys.argv[1:7]
os.makedirs(directory + "/generated", exist_ok=True)
subprocess.run(["protoc", "-I", os.path.dirname(proto), "--python_out", directory + "/generated", os.path.basename(proto)], check=True)
sys.path.insert(0, directory + "/generated")
import api_pb2 as v1  # noqa: E402

channel = grpc.insecure_channel("unix://" + address, options=[("grpc.default_authority", "localhost"), ("grpc.max_receive_message_length", 16 << 20)])


def call(name, request, response):
    return channel.unary_unary(f"/runtime.v1.RuntimeService/{name}", request_serializer=type(request).SerializeToString, response_deserializer=response.FromString)(request, timeout=120)


def pod(number):
    config = v1.PodSandboxConfig(
        metadata=v1.PodSandboxMetadata(name=f"bench-{number}", uid=f"{os.getpid()}-{number}", namespace="default"), log_directory=f"{directory}/logs/{os.getpid()}-{number}",
        linux=v1.LinuxPodSandboxConfig(cgroup_parent="/caisson-bench", security_context=v1.LinuxSandboxSecurityContext(namespace_options=v1.NamespaceOption(
            network=v1.NODE if network == "host" else v1.POD, pid=v1.CONTAINER))))
    os.makedirs(config.log_directory, exist_ok=True)
    return config, call("RunPodSandbox", v1.RunPodSandboxRequest(config=config), v1.RunPodSandboxResponse).pod_sandbox_id


def container(config, sandbox, number, start=True):
    made = call("CreateContainer", v1.CreateContainerRequest(pod_sandbox_id=sandbox, sandbox_config=config, config=v1.ContainerConfig(
        metadata=v1.ContainerMetadata(name=f"c{number}"), image=v1.ImageSpec(image="docker.io/library/busybox:latest"), command=["sleep", "100000"], log_path=f"c{number}.log",
        labels={f"label-{n}": f"value {n}" for n in range(5)}, linux=v1.LinuxContainerConfig(security_context=v1.LinuxContainerSecurityContext(
            namespace_options=v1.NamespaceOption(network=v1.NODE if network == "host" else v1.POD, pid=v1.CONTAINER))))), v1.CreateContainerResponse).container_id
    if start:
        call("StartContainer", v1.StartContainerRequest(container_id=made), v1.StartContainerResponse)


def remove(sandbox):
    call("StopPodSandbox", v1.StopPodSandboxRequest(pod_sandbox_id=sandbox), v1.StopPodSandboxResponse)
    call("RemovePodSandbox", v1.RemovePodSandboxRequest(pod_sandbox_id=sandbox), v1.RemovePodSandboxResponse)


if what == "pods":
    for number in range(int(count) + 1):  # the first one warms up
        begin = time.perf_counter()
        config, sandbox = pod(number)
        container(config, sandbox, 0)
        if number > 0:
            print(f"{(time.perf_counter() - begin) * 1000:.2f}", flush=True)
        remove(sandbox)
else:
    config, sandbox = pod(0)
    for number in range(int(count)):
        container(config, sandbox, number, start=False)
    for _ in range(10):
        begin = time.perf_counter()
        answer = call("ListContainers", v1.ListContainersRequest(), v1.ListContainersResponse)
        print(f"ListContainers {(time.perf_counter() - begin) * 1000:.2f}", flush=True)
        assert len(answer.containers) == int(count)
    remove(sandbox)
