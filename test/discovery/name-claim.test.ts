/** Who gets a name, among machines that want the same one: by the claims alone, without sockets. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DNS,
  type DnsMessage,
  readDnsMessage,
  writeDnsMessage,
} from '../../src/discovery/dns-message.ts';
import { NameClaim } from '../../src/discovery/name-claim.ts';
import { recordsOf } from '../../src/discovery/name-records.ts';
import type { Network } from '../../src/discovery/networks.ts';

const test = suite('discovery/name-claim');

const service = { kind: '_http._tcp', port: 33_125, facts: ['path=/'] };

function at(address: string): Network {
  return { name: 'eth0', family: 'ipv4', address, prefix: 24, zone: 'eth0' };
}

type Machine = {
  readonly claim: NameClaim;
  readonly told: (string | undefined)[];
  readonly problems: string[];
  hear(message: DnsMessage): void;
  /** It is switched on. */
  begin(): void;
};

/** Machines on one network: what one sends all others hear, at once. */
function network(addresses: readonly string[], probeMs = 2): Machine[] {
  const machines: Machine[] = [];
  for (const address of addresses) {
    const here = at(address);
    const told: (string | undefined)[] = [];
    const problems: string[] = [];
    let isOn = false;
    const send = (make: (network: Network) => DnsMessage): void => {
      const message = readDnsMessage(writeDnsMessage(make(here)));
      assert.ok(message !== undefined);
      for (const other of machines) if (other !== machine) other.hear(message);
    };
    const claim = new NameClaim('blog', service, {
      probeMs,
      send,
      addressesOn: () => [here],
      isOwn: () => false,
      onName: (host) => told.push(host),
      onGiveUp: (reason) => problems.push(reason),
    });
    const hear = (message: DnsMessage): void => {
      if (!isOn) return;
      if (message.isResponse) claim.hearAnswer(message, here);
      else claim.hearProbe(message, here);
      const { unique } = claim.recordsOn(here);
      // As Names does: who has a name says so to who asks.
      if (
        !message.isResponse &&
        claim.isHeld &&
        message.questions.some(({ name }) => name === claim.host)
      ) {
        send(() => answer(unique));
      }
    };
    const begin = (): void => {
      isOn = true;
      claim.begin();
    };
    const machine = { claim, told, problems, hear, begin };
    machines.push(machine);
  }
  return machines;
}

function answer(answers: DnsMessage['answers']): DnsMessage {
  return { isResponse: true, questions: [], answers, authorities: [], additionals: [] };
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('NameClaim :: who is alone gets the name, after three probes', async () => {
  const [one] = network(['10.1.0.1']);

  one?.begin();
  await until(() => one?.claim.isHeld === true);

  assert.equal(one?.told, ['blog.local']);
  assert.ok(one?.claim.end());
  assert.not(one?.claim.end());
});

test('NameClaim :: who comes later gets the next one', async () => {
  const [first, second, third] = network(['10.1.0.1', '10.1.0.2', '10.1.0.3']);
  for (const one of [first, second, third]) {
    one?.begin();
    await until(() => one?.claim.isHeld === true);
  }

  assert.equal(
    [first, second, third].map((one) => one?.claim.host),
    ['blog.local', 'blog-2.local', 'blog-3.local'],
  );
  for (const one of [first, second, third]) one?.claim.end();
});

test('NameClaim :: of two that ask at the same moment one waits; they end with two names', async () => {
  const both = network(['10.1.0.1', '10.1.0.2'], 20);
  for (const one of both) one.begin();
  await until(() => both.every(({ claim }) => claim.isHeld));

  assert.equal(both.map(({ claim }) => claim.host).sort(), ['blog-2.local', 'blog.local']);
  // The later address wins (RFC 6762 §8.2), where they really asked at once.
  for (const { claim } of both) claim.end();
});

test('NameClaim :: what is held is asked for once more where another machine says it has it', async () => {
  const [one] = network(['10.1.0.1']);
  one?.begin();
  await until(() => one?.claim.isHeld === true);
  const { unique } = recordsOf('blog', service, [at('10.1.0.9')]);

  one?.hear(answer(unique.map((record) => ({ ...record, ttl: 0 }))));
  const afterGoodbye = one?.told.length;
  one?.hear(answer(unique));
  one?.hear(answer(unique));
  await until(() => one?.told.length === 3);

  assert.is(afterGoodbye, 1);
  assert.equal(one?.told, ['blog.local', undefined, 'blog-2.local']);
  one?.claim.end();
});

test('NameClaim :: somebody who has every name makes it rest, and not go on for ever', async () => {
  const [one] = network(['10.1.0.1']);
  one?.begin();
  for (let lies = 0; lies < 30; lies += 1) {
    const { unique } = recordsOf(one?.claim.label ?? '', service, [at('10.1.0.9')]);
    one?.hear(answer(unique));
    if ((one?.problems.length ?? 0) > 0) break;
  }

  assert.is(one?.problems.length, 1);
  assert.is(one?.claim.label, 'blog');
  assert.not(one?.claim.isHeld);
  assert.is(one?.told.length, 0);
  one?.claim.end();
});

test('recordsOf :: has the addresses of both families, and says that there are no others', () => {
  const six: Network = { ...at('fd01::1'), family: 'ipv6', prefix: 64 };
  const { unique } = recordsOf('blog', service, [at('10.1.0.1'), six]);

  const [four, aaaa] = unique;
  assert.equal([...(four?.data ?? [])], [10, 1, 0, 1]);
  assert.is(Buffer.from(aaaa?.data ?? []).toString('hex'), `fd01${'0'.repeat(26)}01`);
  const nsec = unique.find(({ type }) => type === DNS.nsec);
  assert.is(
    Buffer.from(nsec?.data ?? [])
      .toString('hex')
      .slice(-12),
    '000440000008',
  );
});

test.run();
