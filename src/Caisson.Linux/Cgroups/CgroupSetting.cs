namespace Caisson.Linux;

/// <summary>One write to a control group.</summary>
/// <param name="Controller">Who owns the file: <c>memory</c>, <c>cpu</c>…; empty for the version 2 core.</param>
/// <param name="File">Name in the group's directory, such as <c>memory.max</c>.</param>
/// <param name="Value">What is written, in one call.</param>
public readonly record struct CgroupSetting(string Controller, string File, string Value);
