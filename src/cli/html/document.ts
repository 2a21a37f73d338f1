/** What every HTML file begins and ends with: its own style sheet, nothing to load, and no script. Pure. */
import { html, type Markup } from './markup.ts';
import { STYLE } from './style.ts';

/** The browser loads nothing, whatever the file may contain. */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function renderDocument(title: string, content: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`.html;
}
