/** Every bound on waiting for a server of data and on what is accepted from it, in one place. */

export interface DataBounds {
  /** Tries of one request, the first included. */
  readonly attemptsMax: number;
  /** The wait before the second try; doubled before each later one, with jitter. */
  readonly backOffMsFirst: number;
  readonly backOffMsMax: number;
  /** A server that asks for a longer pause than this is not waited for. */
  readonly pauseMsMax: number;
  /** From sending a request to the last byte of its answer. */
  readonly answerMsMax: number;
  /** The largest answer in JSON. */
  readonly jsonBytesMax: number;
  /** The largest file that is read as a whole. */
  readonly fileBytesMax: number;
  /** What the kept footers of Parquet files may take on disk. */
  readonly footersBytesMax: number;
  /** What kept word lists and taggers may take on disk; one archive may unpack to half of it. */
  readonly languageBytesMax: number;
}

export const defaultDataBounds: DataBounds = {
  attemptsMax: 6,
  backOffMsFirst: 1000,
  backOffMsMax: 60_000,
  pauseMsMax: 120_000,
  answerMsMax: 60_000,
  jsonBytesMax: 128 * 2 ** 20,
  fileBytesMax: 512 * 2 ** 20,
  footersBytesMax: 256 * 2 ** 20,
  languageBytesMax: 128 * 2 ** 20,
};
