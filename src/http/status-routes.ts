import type { IncomingMessage } from 'node:http'

import type { JsonValue } from '../base/json.ts'
import { PeerkeepError } from '../base/errors.ts'
import { sendJson } from './respond.ts'
import type { FindRoute, Route } from './server.ts'

/** `GET /`, a page for people, and `GET /api/1/status`, the same for programs. */
export function statusRoutes(status: () => Promise<JsonValue>): FindRoute {
  const routes: Readonly<Record<string, Route>> = {
    '/api/1/status': async (_request, response) => sendJson(response, await status()),
    '/': async (_request, response) => {
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        'x-content-type-options': 'nosniff',
      })
      response.end(statusPage(await status()))
    },
  }
  return (method, path) =>
    method === 'GET' && Object.hasOwn(routes, path) ? routes[path] : undefined
}

/**
 * The same routes for requests that name this very server: a page elsewhere that makes a browser ask
 * for another name (DNS rebinding), or asks from another origin, is refused.
 */
export function forOwnHost(findRoute: FindRoute): FindRoute {
  return (method, path) => {
    const route = findRoute(method, path)
    if (!route) return undefined
    return async (request, response) => {
      requireOwnHost(request)
      await route(request, response)
    }
  }
}

function requireOwnHost(request: IncomingMessage): void {
  const host = request.headers.host ?? ''
  const origin = request.headers.origin
  const isOwn = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host)
  if (isOwn && (origin === undefined || origin === `http://${host}`)) return
  throw new PeerkeepError('REFUSED', 'this server answers only to its own name on this machine')
}

function statusPage(status: JsonValue): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Peerkeep</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
dt { color: #555 } dd { margin: 0 0 .5rem 1.5rem; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } dt { color: #999 } }
</style>
<h1>Peerkeep</h1>
${definitions(status)}
</html>
`
}

function definitions(value: JsonValue): string {
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
