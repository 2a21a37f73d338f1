export { contactImport } from './contact-import.ts';
