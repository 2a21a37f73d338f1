export { eligibilityCheck } from './consent/eligibility-check.ts';
export { eligibilityList } from './consent/eligibility-list.ts';
export { erasure } from './consent/erasure.ts';
export { contactImport } from './contact-import.ts';
export { listLoad } from './list-load.ts';
export { preferenceUpdate } from './preference-update.ts';
export { campaignSelection } from './selection-update/campaign-selection.ts';
export { selectionUpdate } from './selection-update/selection-update.ts';
