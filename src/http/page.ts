import type { ServerResponse } from 'node:http'

import type { JsonValue } from '../base/json.ts'

/** A page for people. `body` is HTML; the rest of the page runs and loads nothing. */
export function sendPage(response: ServerResponse, title: string, body: string): void {
  const bytes = Buffer.from(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
dt { color: #555 } dd { margin: 0 0 .5rem 1.5rem; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } dt { color: #999 } }
</style>
<h1>${escapeHtml(title)}</h1>
${body}
</html>
`)
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': bytes.length,
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  response.end(bytes)
}

/** Any JSON as a list of names and what they mean. */
export function definitions(value: JsonValue): string {
  if (Array.isArray(value)) {
    return value.length === 0
      ? 'none'
      : value.map(item => `<div>${definitions(item)}</div>`).join('')
  }
  if (typeof value !== 'object' || value === null) return escapeHtml(String(value ?? '–'))
  const rows = Object.entries(value as Readonly<Record<string, JsonValue>>)
  return `<dl>${rows.map(([key, field]) => `<dt>${escapeHtml(key)}</dt><dd>${definitions(field)}</dd>`).join('')}</dl>`
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  }
  return text.replaceAll(/[&<>"]/g, character => entities[character] ?? character)
}
