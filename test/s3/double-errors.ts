/** An answer of S3 that is not a success; the status and the code are what clients act on. */
export class S3Refusal extends Error {
  readonly code: string
  readonly status: number

  constructor(status: number, code: string, message = code) {
    super(message)
    this.name = 'S3Refusal'
    this.code = code
    this.status = status
  }
}
