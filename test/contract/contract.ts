/** One promise of a port. A list of clauses is the definition of the port; any runner can run it, and the mutants too. */
export interface Clause<H> {
  readonly title: string
  /** Whether the clause concerns this adapter (an ability it declares); all by default. */
  readonly appliesTo?: (harness: H) => boolean
  readonly run: (harness: H) => Promise<void>
}

export interface Harness {
  /** Frees everything the harness started. */
  readonly close: () => Promise<void>
}

interface Runner {
  describe: (title: string, body: () => void) => void
  it: (title: string, body: () => Promise<void>) => void
}

/** Runs every clause on a fresh harness, as tests of the surrounding runner (mocha, vitest or jest globals). */
export const verifyContract = <H extends Harness>(
  adapter: string,
  clauses: ReadonlyArray<Clause<H>>,
  start: () => Promise<H>,
): void => {
  const { describe, it } = globalThis as unknown as Runner
  describe(adapter, () => {
    for (const clause of clauses) it(clause.title, () => runClause(clause, start))
  })
}

const runClause = async <H extends Harness>(clause: Clause<H>, start: () => Promise<H>): Promise<void> => {
  const harness = await start()
  try {
    if (clause.appliesTo?.(harness) ?? true) await clause.run(harness)
  } finally {
    await harness.close()
  }
}

/** Titles of the clauses an adapter breaks: how the mutants show that the suite catches them. */
export const brokenClauses = async <H extends Harness>(
  clauses: ReadonlyArray<Clause<H>>,
  start: () => Promise<H>,
): Promise<ReadonlyArray<string>> => {
  const broken: Array<string> = []
  for (const clause of clauses) {
    try {
      await runClause(clause, start)
    } catch {
      broken.push(clause.title)
    }
  }
  return broken
}
