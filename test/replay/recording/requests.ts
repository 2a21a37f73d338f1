/** Scenarios of the small workflows, which handle one request and cannot be steered. */
import { type Stand, until } from '../../faults/stand.ts';
import { cancelInTemporal, end, type Scenario } from './scenario.ts';

const PERSON = '0c0d0e0f-0000-4000-8000-000000000001';

async function stage(stand: Stand, count: number): Promise<string> {
  const rows = Array.from({ length: count }, () => ({ contactId: PERSON, channel: 'email' }));
  const { source } = await stand.client().stageRows(rows);
  return 'dataset' in source ? source.dataset : '';
}

/** The id of the only workflow of this type. */
async function idOf(stand: Stand, type: string): Promise<string> {
  const { workflow } = stand.client().temporal;
  return until(
    async () => {
      for await (const { workflowId } of workflow.list({ query: `WorkflowType = "${type}"` }))
        return workflowId;
      return '';
    },
    (id) => id !== '',
  );
}

export const REQUESTS: readonly Scenario[] = [
  {
    name: 'eligibility-check-completed',
    run: async (stand) => {
      await stand.client().checkEligibility({ contactId: PERSON, channel: 'email' });
      return idOf(stand, 'eligibilityCheck');
    },
  },
  {
    name: 'eligibility-list-completed',
    run: async (stand) => {
      const client = stand.client();
      const checkId = client.newCheckId();
      await client.checkEligibilityList({ dataset: await stage(stand, 5) }, checkId);
      return checkId;
    },
  },
  {
    name: 'eligibility-list-cancelled-in-temporal',
    latencyMs: 500,
    run: async (stand) => {
      const client = stand.client();
      const checkId = client.newCheckId();
      const checked = client.checkEligibilityList({ dataset: await stage(stand, 500) }, checkId);
      checked.catch(() => undefined);
      await until(stand.admin.stats, ({ requests }) => requests['GET /api/v2/preferences'] !== undefined);
      await cancelInTemporal(stand, checkId);
      await checked.catch(() => undefined);
      return end(stand, checkId);
    },
  },
  {
    name: 'erasure-completed',
    run: async (stand) => {
      await stand.client().erase({ contactId: PERSON, requestedBy: 'dana' });
      return idOf(stand, 'erasure');
    },
  },
  {
    name: 'campaign-selection-completed',
    run: async (stand) => {
      await stand.client().readSelection('C1');
      return idOf(stand, 'campaignSelection');
    },
  },
];
