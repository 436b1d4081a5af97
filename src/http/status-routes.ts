import type { JsonValue } from '../base/json.ts'
import { definitions, sendPage } from './page.ts'
import { sendJson } from './respond.ts'
import type { FindRoute, Route } from './server.ts'

/** `GET /`, a page for people, and `GET /api/1/status`, the same for programs. */
export function statusRoutes(status: () => Promise<JsonValue>): FindRoute {
  const routes: Readonly<Record<string, Route>> = {
    '/api/1/status': async (_request, response) => sendJson(response, await status()),
    '/': async (_request, response) => sendPage(response, 'Peerkeep', definitions(await status())),
  }
  return (method, path) =>
    method === 'GET' && Object.hasOwn(routes, path) ? routes[path] : undefined
}
