import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { Clock } from '../base/clock.ts'
import type { Route } from './server.ts'

/** What the node tells Prometheus. */
export interface Metrics {
  /** Counts what the route answers, under the name of a kind of request. */
  counted(kind: string, route: Route): Route
  received(blobs: number, bytes: number): void
  readonly route: Route
}

interface MetricsParts {
  readonly clock: Clock
  /** Figures that are asked for when somebody looks: by name, with what they mean. */
  readonly gauges: Readonly<Record<string, { readonly help: string; value(): Promise<number> }>>
}

/** Seconds that requests take: from a stat to a long poll. */
const DURATIONS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60]

export function openMetrics({ clock, gauges }: MetricsParts): Metrics {
  const registers = [new Registry()]
  const requests = new Counter({
    name: 'peerkeep_http_requests_total',
    help: 'requests answered, by kind and status',
    labelNames: ['kind', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'peerkeep_http_request_seconds',
    help: 'from the head of a request to the end of its answer',
    labelNames: ['kind'],
    buckets: DURATIONS,
    registers,
  })
  const blobs = new Counter({
    name: 'peerkeep_http_blobs_received_total',
    help: 'blobs that came in by uploads, also those that were here',
    registers,
  })
  const bytes = new Counter({
    name: 'peerkeep_http_bytes_received_total',
    help: 'bytes of these blobs',
    registers,
  })
  for (const [name, { help, value }] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await value())
      },
    })
  }
  return {
    counted: (kind, route) => async (request, response) => {
      const begin = clock.monotonic()
      response.once('close', () => {
        const status = response.headersSent ? String(response.statusCode) : 'none'
        requests.inc({ kind, status })
        durations.observe({ kind }, (clock.monotonic() - begin) / 1000)
      })
      await route(request, response)
    },
    received(count, size) {
      blobs.inc(count)
      bytes.inc(size)
    },
    async route(_request, response) {
      const text = await (registers[0] as Registry).metrics()
      response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE })
      response.end(text)
    },
  }
}
