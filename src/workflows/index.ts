export { campaignSelection } from './campaign-selection.ts';
export { contactImport } from './contact-import.ts';
export { preferenceUpdate } from './preference-update.ts';
export { selectionUpdate } from './selection-update.ts';
export { eligibilityCheck } from './eligibility-check.ts';
export { eligibilityList } from './eligibility-list.ts';
export { erasure } from './erasure.ts';
