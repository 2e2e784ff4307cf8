/** One figure of a bench. */
export interface Measurement {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** The same work done the plain way in the same run; null where there is nothing to compare with. */
  readonly reference: number | null
  /** value / reference */
  readonly ratio: number | null
  /** `>= n` or `<= n`: applies to the ratio, or to the value where there is no reference. */
  readonly goal: string
}

/** A bench: measures on its own data, in directories the caller removes. */
export type Bench = () => Promise<ReadonlyArray<Measurement>>

const rounded = (value: number): number => Number(value.toPrecision(4))

export const measurement = (
  name: string,
  unit: string,
  value: number,
  goal: string,
  reference: number | null = null,
): Measurement => ({
  name,
  unit,
  value: rounded(value),
  reference: reference === null ? null : rounded(reference),
  ratio: reference === null ? null : rounded(value / reference),
  goal,
})

/** Whether a figure reaches its goal. */
export const reachesGoal = ({ value, ratio, goal }: Measurement): boolean => {
  const [sign, limit] = goal.split(' ')
  return sign === '>=' ? (ratio ?? value) >= Number(limit) : (ratio ?? value) <= Number(limit)
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Seconds that work takes. */
export const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const from = process.hrtime.bigint()
  await work()
  return Number(process.hrtime.bigint() - from) / 1e9
}

/** Median seconds of two kinds of work done in turn, so that whatever else the machine does meets both. */
export const inTurn = async (
  rounds: number,
  work: (round: number) => Promise<unknown>,
  plain: (round: number) => Promise<unknown>,
): Promise<{ readonly work: number; readonly plain: number }> => {
  const taken = { work: [] as Array<number>, plain: [] as Array<number> }
  for (let round = 0; round < rounds; round++) {
    taken.plain.push(await secondsOf(() => plain(round)))
    taken.work.push(await secondsOf(() => work(round)))
  }
  return { work: median(taken.work), plain: median(taken.plain) }
}
