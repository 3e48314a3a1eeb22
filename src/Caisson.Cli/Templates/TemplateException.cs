using Caisson.Errors;

namespace Caisson.Cli.Templates;

/// <summary>A template is malformed or does not fit its value.</summary>
internal sealed class TemplateException(string message)
    : CaissonException(ErrorKind.InvalidArgument, "template error: " + message);
