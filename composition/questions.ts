import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'
import type { Questions } from '../application/application.js'
import { askLocally } from '../adapters/system/local-socket.js'
import type { Unavailable } from '../domain/errors.js'
import { unavailable } from '../domain/errors.js'
import { sensitive } from '../domain/sensitive.js'

/** What one process asks another on the same state directory. */
const Question = t.union([
  t.type({ ask: t.literal('status') }),
  t.type({ ask: t.literal('audit') }),
  t.type({ ask: t.literal('explain'), identifier: t.string }),
])
type Question = t.TypeOf<typeof Question>

/** Answers a question that came over the local socket; whatever is not one is a crash of its sender, not of us. */
export const answerQuestion = async (questions: Questions, asked: unknown): Promise<E.Either<Unavailable, unknown>> => {
  const question = Question.decode(asked)
  if (E.isLeft(question)) return E.left(unavailable('ExtractRepository', { name: 'UnknownQuestion' }))
  switch (question.right.ask) {
    case 'status':
      return questions.status()
    case 'audit':
      return questions.audit()
    case 'explain':
      return questions.explain(sensitive(question.right.identifier))()
  }
}

/** JSON leaves dates as texts; these are the fields that hold one. */
const reviveDates = (_key: string, value: unknown): unknown =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) ? new Date(value) : value

/** The questions, put to the process that works in a state directory. */
export const askOther = (socket: string): Questions => {
  const ask = <A>(question: Question): TE.TaskEither<Unavailable, A> =>
    TE.flatMapEither((answer: E.Either<Unavailable, A>) => answer)(
      TE.tryCatch(
        async () =>
          JSON.parse(JSON.stringify(await askLocally(socket, question)), reviveDates) as E.Either<Unavailable, A>,
        (caught) => unavailable('ExtractRepository', caught),
      ),
    )
  return {
    status: ask({ ask: 'status' }),
    audit: ask({ ask: 'audit' }),
    explain: (identifier) => ask({ ask: 'explain', identifier: identifier.reveal() }),
  }
}
