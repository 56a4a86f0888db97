// What goes wrong with a request, in words for the reader.

/** @typedef {'network' | 'timeout' | 'aborted' | 'http' | 'format'} ErrorKind */

export class ApiError extends Error {
  /**
   * @param {ErrorKind} kind
   * @param {string} message a sentence for the reader
   * @param {number} [status] HTTP status, when there was an answer
   */
  constructor(kind, message, status = 0) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}
