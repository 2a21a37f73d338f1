/**
 * CXone's suppression list as a run relies on it (docs/list-load.md#suppression). Fails closed: a list that cannot be read delays
 * the run, and one that looks wrong ends it until a person accepts it.
 */
import { fatalFailure } from '../../contract/failures.ts';
import { listLoad as spec } from '../../contract/list-load.ts';
import type { SuppressionEntry } from '../../cxone/lists.ts';
import { identifyEntry } from '../../domain/identifiers.ts';
import { suppressionDoubts } from '../../domain/list-load/suppressions.ts';
import type {
  LatestSnapshot,
  SnapshotFigures,
  SuppressionSnapshot,
} from '../../ledger/consent/suppression-snapshots.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { askAgain, type Patience } from '../engine/ask-again.ts';
import { BoundedReads } from '../engine/bounded-reads.ts';
import { runInput } from '../engine/run-input.ts';
import { probe } from './probe.ts';
import type { ListLoadDeps } from './settings.ts';
import { addSuppressionFile } from './suppression-file.ts';

/** An answer that broke off may be whole the next time. */
const MAX_READS = 3;

/** For a page of a list that has been read in part. With an outage, the whole list is read again. */
const PATIENCE: Patience = { failures: 3, growing: 2 };

/** How the reading of a long list is ended early. */
export interface Stopping {
  readonly signal?: AbortSignal;
  /** Throws if the caller has to stop. */
  readonly throwIfStopping?: () => Promise<void>;
}

/**
 * The list that the run relies on: it may be relied on, and is younger than `maxAgeMs`, by default the setting. Errors:
 * SuppressionsDoubtful, those of BoundedReads, and whatever `stopping` throws.
 */
export async function requireSnapshot(
  deps: ListLoadDeps,
  run: Run,
  stopping: Stopping,
  maxAgeMs = deps.listLoad.suppressionsMaxAgeMs,
): Promise<SuppressionSnapshot> {
  const known = await findAccepted(deps, run);
  // One that was doubted is read again: perhaps somebody has mended the list.
  if (known?.isAccepted && isYoung(known, maxAgeMs)) return known;
  const read = await readSnapshot(deps, run, stopping);
  return requireReliable(deps, run, read, known?.isAccepted ? known.figures : null);
}

/** With a maximum of 0 no list is young. Neither is one of unknown age, because the clock was set back since. */
const isYoung = ({ ageMs }: LatestSnapshot, maxAgeMs: number): boolean => ageMs >= 0 && ageMs < maxAgeMs;

/** The newest one of the run. If a person has accepted it meanwhile, it is accepted whatever its age. */
async function findAccepted(
  { ledger: { suppressionSnapshots: snapshots } }: ListLoadDeps,
  run: Run,
): Promise<LatestSnapshot | null> {
  const known = await snapshots.latest(run.run_no);
  if (!known || known.isAccepted || known.hash !== runInput(spec, run).acceptSuppressions) return known;
  await snapshots.accept(known.snapshotNo);
  return { ...known, isAccepted: true };
}

async function readSnapshot(deps: ListLoadDeps, run: Run, stopping: Stopping): Promise<SuppressionSnapshot> {
  const { rateLimiter, ledger } = deps;
  for (let reads = 1; ; reads += 1) {
    const snapshotNo = await ledger.suppressionSnapshots.begin(run, rateLimiter.tenant);
    const figures = await readAll(deps, run, snapshotNo, stopping);
    if (figures.isComplete || reads === MAX_READS)
      return ledger.suppressionSnapshots.complete(snapshotNo, figures);
  }
}

/**
 * CXone's list and the file of the run. Only CXone's entries count for whether the list is empty or has shrunk: a long file must
 * not hide what has happened to it.
 */
async function readAll(
  deps: ListLoadDeps,
  run: Run,
  snapshotNo: number,
  stopping: Stopping,
): Promise<SnapshotFigures> {
  const figures = await readEntries(deps, run, snapshotNo, stopping);
  const file = await addSuppressionFile(deps, run, snapshotNo, async () => {
    stopping.signal?.throwIfAborted();
    await stopping.throwIfStopping?.();
  });
  return { ...figures, unidentified: figures.unidentified + file.unidentified, fileRows: file.rows };
}

const reads = new BoundedReads();

/** While the entries of one part are stored, the next part is read and hashed. */
async function readEntries(
  deps: ListLoadDeps,
  run: Run,
  snapshotNo: number,
  { signal, throwIfStopping }: Stopping,
): Promise<Omit<SnapshotFigures, 'fileRows'>> {
  const { cxone, ledger, rateLimiter } = deps;
  let [entries, unidentified, requests] = [0, 0, 0];
  let adding = Promise.resolve();
  const onEntries = async (read: readonly SuppressionEntry[]) => {
    await throwIfStopping?.();
    const identified = read.map(identifyEntry);
    entries += read.length;
    unidentified += identified.filter(({ isClear }) => !isClear).length;
    const before = adding;
    adding = ledger.suppressionSnapshots.add(
      snapshotNo,
      identified.flatMap(({ identifiers }) => identifiers),
    );
    // It is thrown where it is awaited.
    adding.catch(() => undefined);
    await before;
  };
  const beforeRequest = async () => {
    requests += 1;
    // The first request uses the permit that is taken for all of them.
    if (requests > 1) await rateLimiter.acquire(signal);
  };
  try {
    const { isComplete } = await reads.read(rateLimiter, {
      what: 'the suppression list',
      request: () =>
        cxone.lists.readSuppressions({
          onEntries,
          beforeRequest,
          askForPage: (ask) => askAgain(ask, PATIENCE, signal),
          ...(signal && { signal }),
        }),
      probe: () => probe(deps, run),
      signal,
    });
    await adding;
    return { entries, unidentified, isComplete };
  } finally {
    await Promise.allSettled([adding]);
  }
}

/** `before`: the list that this run has relied on so far. */
async function requireReliable(
  { ledger: { suppressionSnapshots: snapshots }, rateLimiter }: ListLoadDeps,
  run: Run,
  snapshot: SuppressionSnapshot,
  before: SnapshotFigures | null = null,
): Promise<SuppressionSnapshot> {
  const previous = before ?? (await snapshots.lastAccepted(rateLimiter.tenant));
  const doubts = suppressionDoubts(
    before ? withoutKnownFaults(snapshot.figures, before) : snapshot.figures,
    previous,
  );
  const isAcceptedByHash = snapshot.hash === runInput(spec, run).acceptSuppressions;
  if (doubts.length > 0 && !isAcceptedByHash) throw doubtful(snapshot, doubts);
  await snapshots.accept(snapshot.snapshotNo);
  return { ...snapshot, isAccepted: true };
}

/**
 * As many entries that identify nobody as a person has accepted of the list before are accepted of the next one of the same run. A
 * list that breaks off is not, because each may lack other people.
 */
function withoutKnownFaults(now: SnapshotFigures, before: SnapshotFigures): SnapshotFigures {
  return { ...now, unidentified: Math.max(0, now.unidentified - before.unidentified) };
}

function doubtful({ hash }: SuppressionSnapshot, doubts: readonly string[]) {
  const next =
    'No item was sent since the list was read. Look at the list in CXone, and at the file if the run has one, and start the ' +
    'same run again; or accept it as it is, with ' +
    `"acceptSuppressions": "${hash}" (cxflow: --accept-suppressions ${hash})`;
  return fatalFailure('SuppressionsDoubtful', `${doubts.join('. ')}. ${next}`);
}
