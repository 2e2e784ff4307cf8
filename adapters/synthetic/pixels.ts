import type { Random } from './random.js'

/** Rows and columns of every image of the hospital. */
export const imageSize = 64

/**
 * A disc with a brighter inner disc and some noise, 16 bits a pixel. The codes of the `burnt` text are the first pixels:
 * what text burnt into an image is to a search.
 */
export const phantom16 = (random: Random, burnt: string): Buffer => {
  const pixels = Buffer.alloc(imageSize * imageSize * 2)
  const middle = imageSize / 2
  for (let i = 0; i < imageSize * imageSize; i++) {
    const distance = Math.hypot((i % imageSize) - middle, Math.floor(i / imageSize) - middle)
    const level = distance < 10 ? 1200 : distance < 26 ? 800 : 20
    pixels.writeUInt16LE(level + random.below(16), i * 2)
  }
  pixels.write(burnt, 'utf16le')
  return pixels
}

/** The same in 8 bits. */
export const phantom8 = (random: Random, burnt: string): Buffer => {
  const wide = phantom16(random, '')
  const pixels = Buffer.from(Array.from({ length: imageSize * imageSize }, (_, i) => wide.readUInt16LE(i * 2) >>> 3))
  pixels.write(burnt, 'latin1')
  return pixels
}

/** PackBits over one segment (PS3.5 annex G.3.1): runs of equal bytes, else literals. */
const packBits = (bytes: Uint8Array): Buffer => {
  const packed: Array<number> = []
  let at = 0
  while (at < bytes.length) {
    let run = 1
    while (run < 128 && at + run < bytes.length && bytes[at + run] === bytes[at]) run++
    if (run > 1) {
      packed.push(257 - run, bytes[at]!)
      at += run
      continue
    }
    let end = at + 1
    while (end < bytes.length && end - at < 128 && bytes[end] !== bytes[end - 1]) end++
    packed.push(end - at - 1, ...bytes.subarray(at, end))
    at = end
  }
  if (packed.length % 2 === 1) packed.push(0)
  return Buffer.from(packed)
}

/** An RLE Lossless frame of 16-bit pixels: the high bytes, then the low bytes (PS3.5 annex G). */
export const rleFrame = (pixels: Buffer): Buffer => {
  const high = packBits(pixels.filter((_, i) => i % 2 === 1))
  const low = packBits(pixels.filter((_, i) => i % 2 === 0))
  const header = Buffer.alloc(64)
  header.writeUInt32LE(2, 0)
  header.writeUInt32LE(64, 4)
  header.writeUInt32LE(64 + high.length, 8)
  return Buffer.concat([header, high, low])
}

/** Looks like a JPEG stream from its markers and holds noise: nothing here decodes pixels. Two fragments. */
export const jpegFrame = (random: Random): ReadonlyArray<Buffer> => {
  const noise = Buffer.from(Array.from({ length: 1500 }, () => random.below(255)))
  const stream = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xdb]), noise, Buffer.from([0xff, 0xd9])])
  return [stream.subarray(0, 1000), stream.subarray(1000)]
}
