// dockerode against an engine: DOCKER_SOCKET=/run/caisson/docker.sock node dockerode.mjs. One line a check.
import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import Docker from 'dockerode';

const docker = new Docker({ socketPath: process.env.DOCKER_SOCKET });
const image = 'busybox:latest';
let passed = 0;
let failed = 0;

async function check(name, body) {
  const made = [];
  try {
    await Promise.race([
      body((container) => (made.push(container), container)),
      new Promise((_, no) => setTimeout(() => no(new Error('no end after 30 seconds')), 30_000).unref()),
    ]);
    passed++;
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}: ${String(error.message).split('\n')[0]}`);
  }
  for (const container of made) {
    await container.remove({ force: true, v: true }).catch(() => {});
  }
}

const create = (options) => docker.createContainer({ Image: image, ...options });
const collect = () => {
  const chunks = [];
  const stream = new PassThrough();
  stream.on('data', (chunk) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString() };
};

await check('ping, version, info', async () => {
  assert.equal(String(await docker.ping()), 'OK');
  assert.equal((await docker.version()).Os, 'linux');
  assert.equal((await docker.info()).OSType, 'linux');
});
await check('run with output and code', async (keep) => {
  const out = collect();
  const [result, container] = await docker.run(image, ['sh', '-c', 'echo hello; exit 4'], out.stream, { Tty: false });
  keep(container);
  assert.equal(result.StatusCode, 4);
  assert.match(out.text(), /hello/);
});
await check('attach before the start, demultiplexed', async (keep) => {
  const container = keep(await create({ Cmd: ['sh', '-c', 'echo out; echo err >&2'], AttachStdout: true, AttachStderr: true }));
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  const [out, err] = [collect(), collect()];
  docker.modem.demuxStream(stream, out.stream, err.stream);
  const end = once(stream, 'end');
  await container.start();
  await end;
  assert.deepEqual([out.text(), err.text()], ['out\n', 'err\n']);
});
await check('attach with input by a hijacked stream', async (keep) => {
  const container = keep(await create({ Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true }));
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
  const out = collect();
  docker.modem.demuxStream(stream, out.stream, out.stream);
  await container.start();
  stream.write('through');
  stream.end();
  await container.wait();
  assert.equal(out.text(), 'through');
});
await check('exec with output, input and code', async (keep) => {
  const container = keep(await create({ Cmd: ['sleep', '1000'] }));
  await container.start();
  const exec = await container.exec({ Cmd: ['sh', '-c', 'read x; echo got $x; exit 5'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: true });
  const out = collect();
  docker.modem.demuxStream(stream, out.stream, out.stream);
  stream.end('word\n');
  await once(stream, 'end');
  assert.equal(out.text(), 'got word\n');
  assert.equal((await exec.inspect()).ExitCode, 5);
});
await check('exec without hijack', async (keep) => {
  const container = keep(await create({ Cmd: ['sleep', '1000'] }));
  await container.start();
  const exec = await container.exec({ Cmd: ['echo', 'plain'], AttachStdout: true });
  const stream = await exec.start({});
  const out = collect();
  docker.modem.demuxStream(stream, out.stream, out.stream);
  await once(stream, 'end');
  assert.equal(out.text(), 'plain\n');
});
await check('a terminal and its size', async (keep) => {
  const container = keep(await create({ Cmd: ['sh'], Tty: true, OpenStdin: true }));
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
  await container.start();
  await container.resize({ h: 33, w: 99 });
  const all = text(stream);
  stream.write('stty size; exit\n');
  assert.match(await all, /33 99/);
});
await check('logs, followed and not', async (keep) => {
  const container = keep(await create({ Cmd: ['sh', '-c', 'echo one; sleep 0.3; echo two'] }));
  await container.start();
  const out = collect();
  const stream = await container.logs({ follow: true, stdout: true, stderr: true });
  docker.modem.demuxStream(stream, out.stream, out.stream);
  await once(stream, 'end');
  assert.equal(out.text(), 'one\ntwo\n');
  assert.match(String(await container.logs({ stdout: true, tail: 1, timestamps: true })), /\d{4}-\d\d-\d\dT.*two/);
});
await check('wait for what comes next', async (keep) => {
  const container = keep(await create({ Cmd: ['sh', '-c', 'exit 6'] }));
  const wait = container.wait({ condition: 'next-exit' });
  await container.start();
  assert.equal((await wait).StatusCode, 6);
});
await check('archives in and out', async (keep) => {
  const container = keep(await create({ Cmd: ['true'] }));
  const archive = await container.getArchive({ path: '/etc' });
  const bytes = await Readable.from(archive).reduce((all, chunk) => Buffer.concat([all, chunk]), Buffer.alloc(0));
  assert.ok(bytes.length > 512);
  await container.putArchive(bytes, { path: '/tmp' });
  assert.ok(JSON.parse(Buffer.from((await container.infoArchive({ path: '/tmp/etc' })).headers['x-docker-container-path-stat'], 'base64')).name === 'etc');
});
await check('stats once and as a stream', async (keep) => {
  const container = keep(await create({ Cmd: ['sleep', '1000'] }));
  await container.start();
  assert.ok((await container.stats({ stream: false })).memory_stats);
  const stream = await container.stats({ stream: true });
  const [line] = await once(stream, 'data');
  stream.destroy();
  assert.ok(JSON.parse(line).cpu_stats);
});
await check('events while they happen', async (keep) => {
  const stream = await docker.getEvents({ filters: { type: ['container'], event: ['create'] } });
  const event = once(stream, 'data');
  const container = keep(await create({ Cmd: ['true'] }));
  assert.equal(JSON.parse((await event)[0]).id, container.id);
  stream.destroy();
});
await check('lists with filters', async (keep) => {
  const container = keep(await create({ Cmd: ['true'], Labels: { dockerode: 'yes' } }));
  const found = await docker.listContainers({ all: true, filters: { label: ['dockerode=yes'] } });
  assert.deepEqual(found.map((one) => one.Id), [container.id]);
  assert.ok((await docker.listImages({ filters: JSON.stringify({ reference: { busybox: true } }) })).length > 0);
});
await check('changes, top, rename, update, restart, pause, kill', async (keep) => {
  const container = keep(await create({ Cmd: ['sleep', '1000'], HostConfig: { Memory: 64 << 20 } }));
  await container.start();
  assert.ok((await container.top()).Titles.includes('PID'));
  await container.rename({ name: `dockerode-${Date.now()}` });
  await container.update({ Memory: 96 << 20, MemorySwap: 128 << 20 });
  await container.pause();
  await container.unpause();
  await container.restart({ t: 0 });
  await container.kill();
  await container.wait();
  assert.ok(Array.isArray((await container.changes()) ?? []));
});
await check('images: tag, inspect, history, save, load, import, remove', async () => {
  await docker.getImage(image).tag({ repo: 'dockerode/test', tag: '1' });
  const tagged = docker.getImage('dockerode/test:1');
  assert.ok((await tagged.inspect()).RepoTags.includes('dockerode/test:1'));
  assert.ok((await tagged.history()).length > 0);
  const archive = await text(await docker.loadImage(await tagged.get()));
  assert.match(archive, /Loaded image/);
  await tagged.remove();
});
await check('networks', async (keep) => {
  const network = await docker.createNetwork({ Name: `dockerode${Date.now()}`, Labels: { a: 'b' } });
  try {
    const container = keep(await create({ Cmd: ['sleep', '1000'] }));
    await container.start();
    await network.connect({ Container: container.id, EndpointConfig: { Aliases: ['x'] } });
    assert.ok((await network.inspect()).Containers[container.id]);
    await network.disconnect({ Container: container.id, Force: true });
  } finally {
    await network.remove();
  }
});
await check('volumes', async (keep) => {
  const volume = await docker.createVolume({ Name: `dockerode${Date.now()}`, Labels: { a: 'b' } });
  const inspected = await docker.getVolume(volume.name ?? volume.Name).inspect();
  assert.equal(inspected.Driver, 'local');
  const container = keep(await create({ Cmd: ['touch', '/v/x'], HostConfig: { Binds: [`${inspected.Name}:/v`] } }));
  await container.start();
  assert.equal((await container.wait()).StatusCode, 0);
  await container.remove();
  await docker.getVolume(inspected.Name).remove();
});
await check('errors have a status and a message', async () => {
  await assert.rejects(docker.getContainer('absent').inspect(), (error) => error.statusCode === 404 && /No such container/.test(error.message));
  await assert.rejects(docker.swarmInspect(), (error) => error.statusCode === 503);
});
await check('many at once', async () => {
  const containers = await Promise.all(Array.from({ length: 10 }, () => create({ Cmd: ['true'] })));
  await Promise.all(containers.map(async (container) => {
    await container.start();
    assert.equal((await container.wait()).StatusCode, 0);
    await container.remove();
  }));
});

console.log(`dockerode.mjs: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
