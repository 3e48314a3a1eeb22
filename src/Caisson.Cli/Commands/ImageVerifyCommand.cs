using Caisson.Cli.CommandLine;
using Caisson.Client.Images;
using Caisson.Oci;
using Caisson.Trust;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image verify</c>: the signatures come from the engine, the key and the judgement are here.</summary>
internal sealed class ImageVerifyCommand : Command
{
    private readonly ListOption<string> _key;
    private readonly SwitchOption _anyName;

    public ImageVerifyCommand()
    {
        _anyName = Switch("any-name", "Accept a signature for another name of the image");
        _key = List("key", "File of a public key; one of several suffices", kind: "file");
    }

    public override string Usage => "[OPTIONS] --key FILE IMAGE";

    public override string Details => "Exit code 0: a signature of the image is by one of the keys and for its name. No network is asked.";

    public override IReadOnlyList<string> Examples => ["image verify --key release.pub registry.example/web:1.2", "image verify --key a.pub --key b.pub web"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        if (_key.Values.Count == 0)
        {
            throw new UsageException("--key is missing: the file of a public key");
        }
        VerificationKey[] keys = [.. _key.Values.Select(Read)];
        ImageSignatures image = session.Engine.Signatures(Arguments[0]);
        Digest manifest = Digest.Parse(image.Manifest);
        string[] names = Reference.TryParse(Arguments[0], out Reference? given) && image.Names.Contains(given.WithDefaultTag().ToString())
            ? [given.WithDefaultTag().ToString()]
            : [.. image.Names];
        List<string> complaints = [];
        foreach (SignatureDocument document in image.Signatures)
        {
            ImageSignature signature = document switch
            {
                { Kind: "cosign", Signature: { } text } => new ImageSignature.Cosign(document.Payload, text),
                { Kind: "bundle" } => new ImageSignature.Bundle(document.Payload),
                _ => new ImageSignature.Other(document.Kind),
            };
            foreach (VerificationKey key in keys)
            {
                if (signature.Verify(key, out string why) is not { } claim)
                {
                    complaints.Add(why);
                }
                else if (!claim.Manifests.Contains(manifest))
                {
                    complaints.Add($"a signature by {key.Name} is of another image, {claim.Manifests[0]}");
                }
                else if (!_anyName.Value && !names.Contains(claim.Reference))
                {
                    complaints.Add($"a signature by {key.Name} is for {claim.Reference}");
                }
                else
                {
                    session.Out.WriteLine($"{manifest} is signed by {key.Name} for {claim.Reference}");
                    foreach (var (name, value) in claim.Annotations.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    {
                        session.Out.WriteLine($"  {name}={value}");
                    }
                    return 0;
                }
            }
        }
        session.Error.WriteLine($"caisson: {Arguments[0]} is not signed: "
            + (complaints.Count == 0 ? "it has no signature" : string.Join("; ", complaints.Distinct())));
        return 1;
    }

    private static VerificationKey Read(string path)
    {
        try
        {
            return VerificationKey.Parse(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"read the key {path}: {e.Message}", exitCode: 1);
        }
    }
}
