// testcontainers against an engine, without its reaper image: DOCKER_HOST=unix:///run/caisson/docker.sock node testcontainers.mjs.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { GenericContainer, Network, Wait } from 'testcontainers';

process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
let passed = 0;
let failed = 0;

async function check(name, body) {
  const made = [];
  try {
    await body((started) => (made.unshift(started), started));
    passed++;
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}: ${String(error.message).split('\n')[0]}`);
  }
  for (const started of made) {
    await started.stop().catch(() => {});
  }
}

const busybox = () => new GenericContainer('busybox:latest').withStartupTimeout(20_000);
const serve = ['sh', '-c', 'echo ready; exec nc -ll -p 8080 -e echo answer'];
const ask = (host, port) => new Promise((yes, no) => {
  const socket = connect(port, host);
  let all = '';
  socket.setTimeout(5_000, () => no(new Error('no answer')));
  socket.on('data', (chunk) => (all += chunk));
  socket.on('end', () => yes(all));
  socket.on('error', no);
});

await check('a port that listens is waited for and mapped', async (keep) => {
  const container = keep(await busybox().withCommand(serve).withExposedPorts(8080).start());
  assert.equal(await ask(container.getHost(), container.getMappedPort(8080)), 'answer\n');
});
await check('a line of the log is waited for', async (keep) => {
  const container = keep(await busybox().withCommand(['sh', '-c', 'sleep 0.5; echo it is ready; sleep 1000']).withWaitStrategy(Wait.forLogMessage('it is ready')).start());
  assert.ok(container.getId());
});
await check('a health check is waited for', async (keep) => {
  keep(await busybox()
    .withCommand(['sleep', '1000'])
    .withHealthCheck({ test: ['CMD', 'true'], interval: 500, timeout: 1_000, retries: 3 })
    .withWaitStrategy(Wait.forHealthCheck())
    .start());
});
await check('exec with output and code', async (keep) => {
  const container = keep(await busybox().withCommand(['sleep', '1000']).start());
  const { output, exitCode } = await container.exec(['sh', '-c', 'echo said; exit 3']);
  assert.deepEqual([output, exitCode], ['said\n', 3]);
});
await check('files and content are copied in and out', async (keep) => {
  const container = keep(await busybox().withCommand(['sleep', '1000']).withCopyContentToContainer([{ content: 'given', target: '/tmp/given' }]).start());
  assert.equal((await container.exec(['cat', '/tmp/given'])).output, 'given');
  await container.copyContentToContainer([{ content: 'late', target: '/tmp/late' }]);
  assert.equal((await container.exec(['cat', '/tmp/late'])).output, 'late');
});
await check('variables, labels, user, directory, tmpfs', async (keep) => {
  const container = keep(await busybox()
    .withCommand(['sleep', '1000']).withEnvironment({ A: 'b' }).withLabels({ l: '1' }).withUser('1000').withWorkingDir('/tmp').withTmpFs({ '/t': 'rw' }).start());
  assert.equal((await container.exec(['sh', '-c', 'echo $A $(id -u) $PWD'])).output, 'b 1000 /tmp\n');
  assert.equal(container.getLabels().l, '1');
});
await check('a network with names', async (keep) => {
  const network = keep(await new Network().start());
  const server = keep(await busybox().withCommand(serve).withNetwork(network).withNetworkAliases('server').start());
  const client = keep(await busybox().withCommand(['sleep', '1000']).withNetwork(network).start());
  assert.equal((await client.exec(['nc', 'server', '8080'])).output, 'answer\n');
  assert.ok(server.getIpAddress(network.getName()));
});
await check('logs are followed', async (keep) => {
  const container = keep(await busybox()
    .withCommand(['sh', '-c', 'for i in 1 2 3; do echo line $i; sleep 0.1; done; sleep 1000']).withWaitStrategy(Wait.forLogMessage('line 3')).start());
  const stream = await container.logs();
  const seen = await new Promise((yes) => {
    let all = '';
    const timer = setTimeout(() => yes(all), 10_000);
    stream.on('data', (chunk) => {
      all += chunk;
      if (all.includes('line 3')) {
        clearTimeout(timer);
        yes(all);
      }
    });
  });
  stream.destroy();
  assert.match(seen, /line 1\n.*line 2\n.*line 3/s);
});
await check('a restart keeps the container', async (keep) => {
  const container = keep(await busybox().withCommand(['sleep', '1000']).start());
  const id = container.getId();
  await container.restart({ timeout: 1 });
  assert.equal(container.getId(), id);
});
await check('an image is made of a container', async (keep) => {
  const container = keep(await busybox().withCommand(['sleep', '1000']).start());
  await container.exec(['touch', '/kept']);
  await container.commit({ repo: 'testcontainers-kept', tag: '1', deleteOnExit: false });
  const again = keep(await new GenericContainer('testcontainers-kept:1').withCommand(['sleep', '1000']).start());
  assert.equal((await again.exec(['ls', '/kept'])).exitCode, 0);
});
await check('a bind', async (keep) => {
  const container = keep(await busybox().withCommand(['sleep', '1000']).withBindMounts([{ source: '/etc', target: '/host', mode: 'ro' }]).start());
  assert.equal((await container.exec(['test', '-e', '/host/hostname'])).exitCode, 0);
});

console.log(`testcontainers.mjs: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
