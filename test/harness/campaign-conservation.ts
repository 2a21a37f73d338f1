/** Compares the ledger's record of a selection update with the simulator's journal of all campaign versions. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import { sameSelection } from '../../src/domain/selection-update/places.ts';
import { readSelection } from '../../src/domain/selection-update/selection.ts';
import type { Database } from '../../src/ledger/database.ts';
import { canonicalize, sha256 } from '../../src/ledger/hashing.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { AdminClient } from '../../src/simulator/admin-client.ts';

interface SelectionUpdate {
  readonly outcome: string | null;
  readonly evidence: string | null;
  readonly sent: unknown;
  readonly sha: string | null;
  readonly after: string | null;
}

/** Versions have no gaps, every PATCH was claimed, and an update that the run reports is in the journal. */
export async function checkCampaign({ db }: Database, admin: AdminClient, run: Run): Promise<void> {
  const journal = await admin.campaignJournal(run.target);
  const versions = journal.map(({ version }) => version);
  expect(versions, 'versions').toEqual(versions.map((_, index) => (versions[0] ?? 0) + index));
  const { rows } = await sql<SelectionUpdate>`
    select o.outcome, o.evidence, u.sent, u.sent_sha256 as sha, u.version_after as after from selection_updates u
    left join outcomes o on o.run_no = u.run_no and o.seq = 1 where u.run_no = ${run.run_no}`.execute(db);
  const [update] = rows;
  if (update?.outcome === 'updated') {
    const sent = readSelection(update.sent);
    const written = journal.filter(({ action, document }) => {
      return action === 'update' && sameSelection(readSelection(document.contactSelection), sent);
    });
    const isExact = update.evidence !== 'own_write_or_existing';
    const found = isExact ? written.filter(({ version }) => String(version) === update.after) : written;
    expect(found.length, `the version that ${run.run_id} wrote`).toBeGreaterThan(0);
    expect(update.sha, 'SHA-256 of the canonical JSON that was sent').toBe(sha256(canonicalize(update.sent)));
  } else {
    expect(update?.after ?? null, 'a version written by a run that reports none').toBe(null);
  }
  await checkPatchesWereClaimed(db, admin, run.target);
}

/**
 * Counts refused PATCHes too. After a 401 the client repeats the request once without another claim. The simulator keeps the most
 * recent requests only.
 */
async function checkPatchesWereClaimed(
  db: Database['db'],
  admin: AdminClient,
  campaign: string,
): Promise<void> {
  // Read before the claims: other updates may be running, and every request counted here was claimed earlier.
  const path = `/api/v2/outbound/campaigns/${encodeURIComponent(campaign)}`;
  const patches = (await admin.requests(10_000)).filter(
    (request) => request.method === 'PATCH' && request.path === path && request.status !== 401,
  );
  const { rows } = await sql<{ claims: number; updated: number; lost: number; running: number }>`
    with mine as (select u.run_no, u.version_after, r.state from selection_updates u join runs r using (run_no)
      where u.campaign_id = ${campaign})
    select (select coalesce(sum(attempts), 0)::int from writes join mine using (run_no) where kind = 'patch') as claims,
      (select count(*)::int from mine where version_after is not null) as updated,
      (select count(*)::int from writes join mine using (run_no)
        where lost_answers > 0 or writes.state = 'sending') as lost,
      (select count(*)::int from mine where state = 'running') as running`.execute(db);
  const { claims = 0, updated = 0, lost = 0, running = 0 } = rows[0] ?? {};
  expect(patches.length, `PATCHes of ${campaign} compared with claims`).toBeLessThanOrEqual(claims);
  const applied = (await admin.campaignJournal(campaign)).filter(({ action }) => action === 'update').length;
  expect(updated, 'updates in the ledger compared with the journal').toBeLessThanOrEqual(applied);
  // Running updates may not be settled yet, and lost answers may belong to applied updates.
  if (running === 0)
    expect(applied, 'updates in the journal compared with the ledger').toBeLessThanOrEqual(updated + lost);
}
