/** Lines of a stream that may never end one. */

/**
 * Yields the lines of a UTF-8 stream without their newline. Throws when one is longer than `lineBytesMax`. What follows
 * the last newline was cut off with its writer and is no line.
 */
export async function* readLines(stream: ReadableStream<Uint8Array>, lineBytesMax: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      yield decoder.decode(Buffer.concat(parts));
      parts = [];
      bytes = 0;
      from = end + 1;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > lineBytesMax) throw new Error(`a line of more than ${lineBytesMax} bytes`);
  }
}
