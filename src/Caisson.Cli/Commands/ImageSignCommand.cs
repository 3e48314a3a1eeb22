using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Images;
using Caisson.Oci;
using Caisson.Trust;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image sign</c>: the private key stays here, the engine keeps the signature.</summary>
internal sealed class ImageSignCommand : Command
{
    private readonly ValueOption<string> _key, _password, _as;
    private readonly ListOption<KeyValuePair<string, string>> _annotation;
    private readonly SwitchOption _bundle;

    public ImageSignCommand()
    {
        _annotation = Values("annotation", "list", "Add KEY=VALUE to what is signed", ContainerOptions.Pair, 'a');
        _as = Text("as", "Sign for this name instead of IMAGE", kind: "name");
        _bundle = Switch("bundle", "Make a sigstore bundle instead of a signature of cosign's first kind");
        _key = Text("key", "File of the private key", kind: "file");
        _password = KeyPassword.Option(Text);
    }

    public override string Usage => "[OPTIONS] --key FILE IMAGE";

    public override string Details =>
        "The signature is kept with the image and goes with it to registries, where cosign and this command verify it.\n"
        + "It is for one name with its tag: an image that is to be pulled by another name is signed for that name with --as.";

    public override IReadOnlyList<string> Examples =>
        ["image sign --key release.key registry.example/web:1.2", "image sign --key release.key --bundle -a stage=prod web:1.2"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        if (_key.Value.Length == 0)
        {
            throw new UsageException("--key is missing: the file of the private key");
        }
        using SigningKey key = Read(session);
        ImageSignatures image = session.Engine.Signatures(Arguments[0]);
        Reference name = NameOf(image);
        Digest manifest = Digest.Parse(image.Manifest);
        Dictionary<string, string> annotations = _annotation.Values.ToDictionary();
        SignatureDocument signature;
        if (_bundle.Value)
        {
            signature = new SignatureDocument("bundle", SigstoreBundle.Write(manifest, name, annotations, key), null);
        }
        else
        {
            byte[] payload = SimpleSigning.Write(manifest, name, session.Clock.GetUtcNow(), annotations);
            signature = new SignatureDocument("cosign", payload, key.Sign(payload));
        }
        session.Engine.AddSignature(Arguments[0], signature);
        session.Out.WriteLine($"{name.Familiar}@{manifest}");
        return 0;
    }

    /// <summary>The name that was given, or the only one of an image that was given by its id.</summary>
    private Reference NameOf(ImageSignatures image)
    {
        if (_as.Value.Length > 0)
        {
            return Reference.Parse(_as.Value).WithDefaultTag();
        }
        if (Reference.TryParse(Arguments[0], out Reference? given) && (given.Digest is not null || image.Names.Contains(given.WithDefaultTag().ToString())))
        {
            return given.WithDefaultTag();
        }
        return image.Names is [var only]
            ? Reference.Parse(only)
            : throw new UsageException($"{Arguments[0]} has {image.Names.Count} names; say with --as which one is signed", exitCode: 1);
    }

    private SigningKey Read(Session session)
    {
        try
        {
            return SigningKey.Parse(File.ReadAllText(_key.Value), KeyPassword.Read(session, _password.Value), _key.Value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"read the key {_key.Value}: {e.Message}", exitCode: 1);
        }
    }
}
