/** `tsx read-suppressions.ts URL`: reads all suppressions of a simulator, and prints how many, and how much memory it took. */
import { peakMegabytes } from '../../bench/machine.ts';
import { createCxone } from '../../src/cxone/cxone.ts';
import { FAMILIES, FAMILY_NAMES, type Family } from '../../src/cxone/families.wire.ts';
import type { FamilySettings } from '../../src/cxone/settings.ts';

const [url = ''] = process.argv.slice(2);
const settingsOf = (family: Family): FamilySettings => ({
  url,
  addressSettings: '',
  tokenUrl: url + FAMILIES[family].tokenPath,
  clientId: 'a',
  clientSecret: { reveal: () => 'b' },
  ...FAMILIES[family],
});
const families = Object.fromEntries(FAMILY_NAMES.map((family) => [family, settingsOf(family)]));
const cxone = createCxone({ families: families as Record<Family, FamilySettings> });

let [entries, identified] = [0, 0];
const { isComplete } = await cxone.lists.readSuppressions({
  async onEntries(some) {
    entries += some.length;
    identified += some.filter(({ phoneNumber, emailAddress }) => phoneNumber ?? emailAddress).length;
    // As a ledger does: the answer has to wait, and must not pile up meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  },
});
cxone.close();
console.log(JSON.stringify({ isComplete, entries, identified, peakRssMb: peakMegabytes(process.pid) }));
