/** Signatures of events, and the receivers of docs/webhooks.md that verify them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSigner } from '../../src/activities/outbox/signature.ts';
import { createWebhook, type PostWebhook } from '../../src/activities/outbox/webhook.ts';
import { Secret } from '../../src/config/secret.ts';
import { ROOT } from '../harness/texts.ts';

const secretOf = (fill: string) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;
const [OLD, NEW, FOREIGN] = [secretOf('old'), secretOf('new'), secretOf('foreign')];
const BODY = JSON.stringify({ id: 'evt-1', text: 'Zoë, 東京, "\u2028"' });

interface Received {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a receiver gets in two attempts: the first one is refused. */
async function receive(secrets: readonly string[]): Promise<readonly Received[]> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ body, headers: request.headers as Record<string, string> });
      response.writeHead(received.length === 1 ? 503 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const signingSecrets = secrets.map((each) => new Secret(each));
  const post: PostWebhook = createWebhook({
    ...{ url, syncToken: null, signingSecrets },
    ...{ allowLoopback: true, hosts: null },
  });
  await expect(post('evt-1', BODY)).rejects.toThrow('status 503');
  await post('evt-1', BODY);
  server.close();
  return received;
}

const verify = (secret: string, { body, headers }: Received) => new Webhook(secret).verify(body, headers);

describe('a signed event', () => {
  it('is the example of the specification', () => {
    const sign = createSigner([new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')]);
    expect(sign('msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', new Date(1_614_265_330_999))).toEqual(
      {
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
    );
  });

  it('has a valid signature in every attempt, over the same id and the same bytes', async () => {
    const received = await receive([NEW]);
    expect(received.map(({ body, headers }) => [headers['webhook-id'], body])).toEqual([
      ['evt-1', BODY],
      ['evt-1', BODY],
    ]);
    for (const each of received) {
      expect(verify(NEW, each)).toEqual(JSON.parse(BODY));
      expect(() => verify(FOREIGN, each)).toThrow('No matching signature');
      expect(() => verify(NEW, { ...each, body: `${each.body} ` })).toThrow('No matching signature');
    }
  });

  it('is accepted with the old and with the new secret while both are set', async () => {
    const [first] = await receive([OLD, NEW]);
    expect(first?.headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
    for (const secret of [OLD, NEW]) expect(first && verify(secret, first)).toEqual(JSON.parse(BODY));
  });

  it('has no signature and no timestamp without a secret', async () => {
    const [first] = await receive([]);
    expect(Object.keys(first?.headers ?? {}).filter((name) => name.startsWith('webhook-'))).toEqual([
      'webhook-id',
    ]);
  });
});

const PAGE = readFileSync(join(ROOT, 'docs/webhooks.md'), 'utf8');
const snippetOf = (language: string): string => {
  const [, snippet = ''] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(PAGE) ?? [];
  return snippet;
};

const folder = mkdtempSync(join(tmpdir(), 'receivers-'));
beforeAll(() => {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const { outputText } = ts.transpileModule(snippetOf('ts'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  writeFileSync(
    join(folder, 'receiver.mjs'),
    `${outputText}
import { readFileSync } from 'node:fs';
const { body, headers } = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(verifyEvent(body, headers)));
`,
  );
  writeFileSync(
    join(folder, 'receiver.py'),
    `${snippetOf('python')}
import sys
given = json.loads(sys.stdin.buffer.read())
print(json.dumps(verify_event(given["body"].encode(), given["headers"])))
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const hasPython = spawnSync('python3', ['--version']).status === 0;

describe.each([
  ['TypeScript', process.execPath, 'receiver.mjs', true],
  ['Python', 'python3', 'receiver.py', hasPython],
] as const)('the receiver in %s that docs/webhooks.md shows', (_, command, file, isInstalled) => {
  const run = (secret: string, received: Received) =>
    spawnSync(command, [join(folder, file)], {
      input: JSON.stringify(received),
      encoding: 'utf8',
      env: { ...process.env, WEBHOOK_SECRET: secret },
    });

  it.skipIf(!isInstalled)('accepts what is signed with its secret', async () => {
    const [first] = await receive([OLD, NEW]);
    if (!first) expect.fail('nothing received');
    for (const secret of [OLD, NEW]) {
      const { stdout, stderr } = run(secret, first);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(JSON.parse(BODY));
    }
  });

  it.skipIf(!isInstalled)('refuses another secret, another body, and what was sent long ago', async () => {
    const [first] = await receive([NEW]);
    if (!first) expect.fail('nothing received');
    const past = new Date(Date.now() - 6 * 60_000);
    const late = { ...first.headers, ...createSigner([new Secret(NEW)])('evt-1', BODY, past) };
    const refused = [
      run(FOREIGN, first),
      run(NEW, { ...first, body: BODY.replace('evt-1', 'evt-2') }),
      run(NEW, { ...first, headers: late }),
    ];
    for (const { status, stderr } of refused) {
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/WebhookVerificationError|ValueError/);
    }
  });
});
