/** Reading and writing the bytes of SCALE, the chain's encoding. What is read comes from anybody, so every read is bounded. */

/** The bytes do not hold what their type says. */
export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

/** Appends to a buffer that doubles as it fills. */
export class ScaleWriter {
  private buffer = new Uint8Array(64);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.buffer[at] = value;
  }

  u16(value: number): void {
    const at = this.reserve(2);
    this.view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
  }

  u64(value: bigint): void {
    const at = this.reserve(8);
    this.view.setBigUint64(at, value, true);
  }

  /** One, two or four bytes up to 2³⁰, then a length and the little-endian bytes. */
  compact(value: number | bigint): void {
    if (value < 64) this.u8(Number(value) << 2);
    else if (value < 16_384) this.u16((Number(value) << 2) | 1);
    else if (value < 1_073_741_824) this.u32(Number(value) * 4 + 2);
    else {
      const bytes: number[] = [];
      for (let rest = BigInt(value); rest > 0n; rest >>= 8n) bytes.push(Number(rest & 255n));
      while (bytes.length < 4) bytes.push(0);
      this.u8(((bytes.length - 4) << 2) | 3);
      this.raw(Uint8Array.from(bytes));
    }
  }

  private reserve(sizeBytes: number): number {
    const at = this.length;
    this.length += sizeBytes;
    if (this.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(this.length, this.buffer.length * 2));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** Walks over bytes; reading past their end is `MalformedBytes`. */
export class ScaleReader {
  private readonly view: DataView;
  private at = 0;

  constructor(private readonly buffer: Uint8Array) {
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.buffer.length - this.at;
  }

  /** How many bytes have been read. */
  get position(): number {
    return this.at;
  }

  raw(sizeBytes: number): Uint8Array {
    const at = this.advance(sizeBytes);
    return this.buffer.slice(at, at + sizeBytes);
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true);
  }

  compact(): bigint {
    const first = this.u8();
    const mode = first & 3;
    if (mode === 0) return BigInt(first >> 2);
    if (mode === 1) return BigInt((first >> 2) | (this.u8() << 6));
    if (mode === 2) return BigInt((first >> 2) + this.u8() * 64 + this.u16() * 16_384);
    let value = 0n;
    const bytes = this.raw((first >> 2) + 4);
    for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index]!);
    return value;
  }

  /** A count of elements, refused where even elements of a byte each would not fit into what is left. */
  count(sizeBytesMin: number): number {
    const count = this.compact();
    if (count * BigInt(sizeBytesMin) > BigInt(this.remaining))
      throw new MalformedBytes("a list is longer than its bytes");
    return Number(count);
  }

  private advance(sizeBytes: number): number {
    if (sizeBytes > this.remaining) throw new MalformedBytes("the bytes end too early");
    const at = this.at;
    this.at += sizeBytes;
    return at;
  }
}
