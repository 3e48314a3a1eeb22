using System.Globalization;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

namespace Caisson.Containers.Launch;

/// <summary>What is done when a launching process reaches a point; every one may throw, which ends the launch.</summary>
public sealed record LaunchAnswers
{
    /// <summary>At <see cref="LaunchPoint.BeforePivot"/>; receives the process.</summary>
    public Action<LaunchRunner>? BeforePivot { get; init; }

    /// <summary>At <see cref="LaunchPoint.Ready"/>: the last moment before a program without a gate runs.</summary>
    public Action<LaunchRunner>? Ready { get; init; }

    /// <summary>Takes a descriptor that the process sent, and disposes it.</summary>
    public Action<LaunchOutput, Descriptor>? Received { get; init; }
}

/// <summary>A launch under way: starts the process, answers it, and ends it when anything goes wrong.</summary>
/// <remarks>
/// Not for several threads at once. Disposed before <see cref="RunTo"/> has returned, it kills the process; after that the process goes on by
/// itself, as a child of this one.
/// </remarks>
public sealed class LaunchRunner : IDisposable
{
    private readonly LaunchPlan _plan;
    private readonly LaunchedProcess _child;
    private bool _isLetGo;

    private LaunchRunner(LaunchPlan plan, LaunchedProcess child) => (_plan, _child) = (plan, child);

    /// <summary>The process's id in this process's pid namespace.</summary>
    public int Pid => _child.Pid;

    /// <summary>The process; valid until this object is disposed.</summary>
    public Pidfd Process => _child.Process;

    /// <summary>Starts the process of <paramref name="plan"/>, which waits at its first point for <see cref="RunTo"/>.</summary>
    public static LaunchRunner Start(LaunchPlan plan, LaunchInputs inputs) =>
        new(plan, Launcher.Start(plan.World.Encode(), [.. inputs.Descriptors]));

    /// <summary>Answers the process until everything but its program is done (<paramref name="untilReady"/>), or until it executes its program.</summary>
    /// <exception cref="CaissonException">A step failed, or an answer did; the process is gone.</exception>
    public void RunTo(bool untilReady, LaunchAnswers answers)
    {
        while (true)
        {
            switch (_child.Next())
            {
                case LaunchReport.Checkpoint { Point: (int)LaunchPoint.Ready } when untilReady:
                    answers.Ready?.Invoke(this);
                    _child.Continue();
                    _isLetGo = true;
                    return;
                case LaunchReport.Checkpoint checkpoint:
                    Answer((LaunchPoint)checkpoint.Point, answers);
                    _child.Continue();
                    break;
                case LaunchReport.Received received when answers.Received is { } receive:
                    receive((LaunchOutput)received.Purpose, received.Descriptor);
                    break;
                case LaunchReport.Received received:
                    received.Descriptor.Dispose();
                    throw new InvalidOperationException($"nobody takes the process's {(LaunchOutput)received.Purpose}");
                case LaunchReport.Failed failed:
                    throw LaunchFailure.Of(_plan, failed);
                case LaunchReport.Executed when untilReady:
                    throw EndedEarly();
                case LaunchReport.Executed:
                    _isLetGo = true;
                    return;
                case LaunchReport.Cloned:
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isLetGo)
        {
            _child.Process.TrySignal(Signal.KILL);
            _child.Process.WaitExit();
        }
        _child.Dispose();
    }

    private void Answer(LaunchPoint point, LaunchAnswers answers)
    {
        switch (point)
        {
            case LaunchPoint.MapIds:
                WriteMap("uid_map", _plan.UserMaps);
                WriteMap("gid_map", _plan.GroupMaps);
                break;
            case LaunchPoint.BeforePivot:
                answers.BeforePivot?.Invoke(this);
                break;
            case LaunchPoint.Ready:
                answers.Ready?.Invoke(this);
                break;
        }
    }

    private void WriteMap(string file, IReadOnlyList<IdMap> maps) =>
        HostFiles.WriteOnce(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/{file}"), IdMap.Format(maps));

    private CaissonException EndedEarly()
    {
        var status = _child.Process.WaitExit();
        _isLetGo = true;
        return new(ErrorKind.Internal, $"the container's first process ended while it was being made ({status})");
    }
}
