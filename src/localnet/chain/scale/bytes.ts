/** Reading and writing the bytes of SCALE, the chain's encoding. What is read comes from anybody, so every read is bounded. */

/** The bytes do not hold what their type says. */
export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

/**
 * Appends to a buffer that doubles as it fills. Numbers are taken apart by hand: a DataView of each small buffer costs
 * more than all that is written through it.
 */
export class ScaleWriter {
  private buffer = new Uint8Array(64);
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
    this.buffer[at] = value;
    this.buffer[at + 1] = value >> 8;
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.buffer[at] = value;
    this.buffer[at + 1] = value >> 8;
    this.buffer[at + 2] = value >> 16;
    this.buffer[at + 3] = value >> 24;
  }

  u64(value: bigint): void {
    this.u32(Number(value & 0xffff_ffffn));
    this.u32(Number((value >> 32n) & 0xffff_ffffn));
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
    }
    return at;
  }
}

/** Walks over bytes; reading past their end is `MalformedBytes`. */
export class ScaleReader {
  private at = 0;

  constructor(private readonly buffer: Uint8Array) {}

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
    return this.buffer[this.advance(1)]!;
  }

  u16(): number {
    const at = this.advance(2);
    return this.buffer[at]! | (this.buffer[at + 1]! << 8);
  }

  u32(): number {
    const low = this.u16();
    return low + this.u16() * 65_536;
  }

  u64(): bigint {
    const low = BigInt(this.u32());
    return low | (BigInt(this.u32()) << 32n);
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
