import { SingleBar } from 'cli-progress'

import type { ProgressReport } from '../node/operation.ts'
import { formatBytes, formatDuration } from './format.ts'
import type { Terminal } from './terminal.ts'

export interface ProgressBar {
  show(report: ProgressReport): void
  /** Takes the bar away, so that other lines can be printed. */
  clear(): void
}

/** A bar on stderr where that is a terminal, nothing elsewhere and with `-q`. */
export function openProgressBar(terminal: Terminal): ProgressBar {
  if (terminal.errors.isTTY !== true || terminal.isQuiet) {
    return { show: () => undefined, clear: () => undefined }
  }
  let bar: SingleBar | undefined
  return {
    show(report) {
      if (!bar) {
        bar = new SingleBar({
          format,
          stream: terminal.errors,
          clearOnComplete: true,
          hideCursor: true,
        })
        bar.start(report.totalBytes ?? 0, 0, { report })
      }
      bar.setTotal(report.totalBytes ?? 0)
      bar.update(report.bytes, { report })
    },
    clear() {
      bar?.stop()
      bar = undefined
    },
  }
}

function format(
  _options: unknown,
  _parameters: unknown,
  payload: { report: ProgressReport },
): string {
  const { phase, files, bytes, totalBytes, bytesPerSecond, secondsLeft } = payload.report
  const whole = totalBytes === undefined ? '' : ` of ${formatBytes(totalBytes)}`
  const rate = bytesPerSecond === undefined ? '' : `, ${formatBytes(bytesPerSecond)}/s`
  const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`
  return `${phase}: ${files} files, ${formatBytes(bytes)}${whole}${rate}${left}`
}
