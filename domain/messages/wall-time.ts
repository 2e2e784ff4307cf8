/** What a calendar and a clock on the wall show, and how far that is from UTC: Python's `datetime`. */
export interface WallTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  /** Microseconds ahead of UTC; null where the time names no zone, which is read as UTC. */
  readonly offsetUs: number | null
}

const secondUs = 1_000_000
const dayUs = 86_400 * secondUs

const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:(Z)|([+-])(\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?$/

const microseconds = (digits: string | undefined): number => Number((digits ?? '').slice(0, 6).padEnd(6, '0'))

/** Milliseconds since the epoch of a wall time as if it were UTC. */
const asUtcMs = (time: WallTime): number => {
  const date = new Date(0)
  date.setUTCFullYear(time.year, time.month - 1, time.day)
  return date.setUTCHours(time.hour, time.minute, time.second)
}

/** Whether there is such a day and such a time of day, in the years 1 to 9999. */
export const isWallTime = (time: WallTime): boolean => {
  const date = new Date(asUtcMs(time))
  return (
    time.year >= 1 &&
    time.year <= 9999 &&
    date.getUTCMonth() === time.month - 1 &&
    date.getUTCDate() === time.day &&
    date.getUTCHours() === time.hour &&
    date.getUTCMinutes() === time.minute &&
    time.second < 60 &&
    time.microsecond < secondUs &&
    Math.abs(time.offsetUs ?? 0) < dayUs
  )
}

/** Reads an ISO 8601 date and time, with or without a zone; null when the text is none. */
export const parseWallTime = (text: string): WallTime | null => {
  const match = isoPattern.exec(text)
  if (match === null) return null
  const number = (group: number): number => Number(match[group] ?? 0)
  const offset = (number(10) * 3600 + number(11) * 60 + number(12)) * secondUs + microseconds(match[13])
  const zoned = match[8] !== undefined || match[9] !== undefined
  const time: WallTime = {
    year: number(1),
    month: number(2),
    day: number(3),
    hour: number(4),
    minute: number(5),
    second: number(6),
    microsecond: microseconds(match[7]),
    offsetUs: zoned ? (match[9] === '-' ? 0 - offset : offset) : null,
  }
  return isWallTime(time) ? time : null
}

const digits = (n: number, width = 2): string => String(n).padStart(width, '0')
const fraction = (us: number): string => (us === 0 ? '' : `.${digits(us, 6)}`)

/** `YYYY-MM-DD`. */
export const formatDate = ({ year, month, day }: Pick<WallTime, 'year' | 'month' | 'day'>): string =>
  `${digits(year, 4)}-${digits(month)}-${digits(day)}`

const formatOffset = (offsetUs: number | null): string => {
  if (offsetUs === null) return ''
  const us = Math.abs(offsetUs)
  const seconds = Math.floor(us / secondUs)
  const rest = us % secondUs
  const tail = seconds % 60 === 0 && rest === 0 ? '' : `:${digits(seconds % 60)}${fraction(rest)}`
  return `${offsetUs < 0 ? '-' : '+'}${digits(Math.floor(seconds / 3600))}:${digits(Math.floor(seconds / 60) % 60)}${tail}`
}

/** The text Python's `isoformat()` gives. */
export const formatWallTime = (time: WallTime): string =>
  `${formatDate(time)}T${digits(time.hour)}:${digits(time.minute)}:${digits(time.second)}` +
  fraction(time.microsecond) +
  formatOffset(time.offsetUs)

const zonePattern = /^[A-Za-z0-9+_-]+(\/[A-Za-z0-9+_-]+){0,3}$/

/** Microseconds a zone is ahead of UTC at an instant; null when the zone is unknown. */
const zoneOffsetUs = (zone: string, utcMs: number): number | null => {
  if (!zonePattern.test(zone)) return null
  try {
    const parts = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }).formatToParts(utcMs)
    const part = (type: string): number => Number(parts.find((p) => p.type === type)?.value)
    const local = asUtcMs({
      year: part('year'),
      month: part('month'),
      day: part('day'),
      hour: part('hour'),
      minute: part('minute'),
      second: part('second'),
      microsecond: 0,
      offsetUs: null,
    })
    return (local - Math.floor(utcMs / 1000) * 1000) * 1000
  } catch {
    return null
  }
}

/**
 * A wall time with the offset its IANA zone has then; null when the zone is unknown. A time that occurs twice is the
 * first, one that is skipped counts from before the change, as Python's `fold=0`.
 */
export const inZone = (time: WallTime, zone: string): WallTime | null => {
  const local = asUtcMs(time)
  const before = zoneOffsetUs(zone, local - 86_400_000)
  const after = zoneOffsetUs(zone, local + 86_400_000)
  if (before === null || after === null) return null
  const stillBefore = zoneOffsetUs(zone, local - before / 1000) === before
  const alreadyAfter = zoneOffsetUs(zone, local - after / 1000) === after
  return { ...time, offsetUs: !stillBefore && alreadyAfter ? after : before }
}

/** The wall time of an instant, in microseconds since the epoch, at an offset. */
export const atOffset = (epochUs: number, offsetUs: number | null): WallTime => {
  const local = epochUs + (offsetUs ?? 0)
  const microsecond = ((local % secondUs) + secondUs) % secondUs
  const date = new Date((local - microsecond) / 1000)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    microsecond,
    offsetUs,
  }
}

/** The offset an IANA zone has at an instant; null when the zone is unknown. */
export const offsetInZone = (epochUs: number, zone: string): number | null =>
  zoneOffsetUs(zone, Math.floor(epochUs / 1000))
