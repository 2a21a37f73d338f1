/** What `npm run bench` is asked for. */
import { parseArgs } from 'node:util';

export const SCENES = ['throughput', 'limit', 'kill', 'steer'] as const;
export type Scene = (typeof SCENES)[number];

export const PEERS = ['graphile-worker', 'pg-boss', 'dbos'] as const;
export type Peer = (typeof PEERS)[number];

export interface Options {
  readonly scene: Scene;
  /** Rounds; in each every contender runs once, one after the other. */
  readonly rounds: number;
  /** Records of a run. */
  readonly sizes: readonly number[];
  readonly latenciesMs: readonly number[];
  /** Requests in flight. */
  readonly concurrencies: readonly number[];
  readonly peers: readonly Peer[];
  /** The scene `limit`: how many full minutes are counted. */
  readonly minutes: number;
  /** Everything that was measured, as JSON. */
  readonly json: string | null;
  /** Folder for `--cpu-prof` of the worker; null: no profile. */
  readonly profile: string | null;
}

export const USAGE = `npm run bench -- [scene] [options]

Scenes
  throughput   cxflow beside the bare concurrent script, the sequential loop and --peers (default)
  limit        two workers together under 1,000 requests a minute
  kill         kill -9 of the worker in the middle of a run, and another one at once
  steer        pause, resume and cancel in the middle of a run

Options
  --full              10k, 100k and 1M records, and all peers: hours
  --quick             30,000 records, 16 in flight, 0 and 50 ms, five rounds: about three minutes
  --rounds N          default 5; medians are of so many
  --sizes 10k,100k    records of a run; k and M are understood. Default 100k (steer: 1M)
  --latencies 0,50    of the vendor, in ms. Default 0,50
  --concurrency 16,32 requests in flight. Default 16,32
  --peers LIST        of ${PEERS.join(', ')}, or all; needs: (cd bench/peers && npm ci)
  --minutes N         limit: full minutes that are counted. Default 5
  --json FILE         everything that was measured
  --profile DIR       a CPU profile of each worker into DIR (slows it a little)
`;

/** Throws an Error whose message says what is wrong. */
export function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      sizes: { type: 'string' },
      latencies: { type: 'string', default: '0,50' },
      concurrency: { type: 'string' },
      peers: { type: 'string' },
      minutes: { type: 'string', default: '5' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const scene = positionals[0] ?? 'throughput';
  if (!SCENES.includes(scene as Scene)) throw new Error(`there is no scene ${scene}\n\n${USAGE}`);
  const sizes = values.sizes ?? sizesOf(scene, values);
  return {
    scene: scene as Scene,
    rounds: numberOf(values.rounds),
    sizes: listOf(sizes),
    latenciesMs: listOf(values.latencies),
    concurrencies: listOf(values.concurrency ?? (values.quick ? '16' : '16,32')),
    peers: peersOf(values.peers ?? (values.full ? 'all' : '')),
    minutes: numberOf(values.minutes),
    json: values.json ?? null,
    profile: values.profile ?? null,
  };
}

function sizesOf(
  scene: string,
  { full, quick }: { readonly full: boolean; readonly quick: boolean },
): string {
  if (quick) return '30k';
  if (full) return '10k,100k,1M';
  return scene === 'steer' ? '1M' : '100k';
}

function peersOf(text: string): readonly Peer[] {
  if (text === 'all') return PEERS;
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !PEERS.includes(name as Peer));
  if (unknown !== undefined) throw new Error(`there is no peer ${unknown}; there are ${PEERS.join(', ')}`);
  return names as Peer[];
}

const listOf = (text: string): number[] => text.split(',').map(numberOf);

function numberOf(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kM]?)$/.exec(text.trim()) ?? [];
  if (digits === undefined) throw new Error(`${text} is no number`);
  return Number(digits) * (unit === 'M' ? 1_000_000 : unit === 'k' ? 1_000 : 1);
}
