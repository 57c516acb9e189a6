import { type MessageContext, type Middleware, type Next, optionTypeError, RemoteProtocolError } from '../lib/index.js'

/** What is wrong with a value, by Standard Schema. */
export interface SchemaIssue {
  readonly message: string
  /** Where in the value it is. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema says of a value, by Standard Schema. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** What is needed of a schema: version 1 of Standard Schema (standardschema.dev), which zod, valibot, arktype and others have. */
export interface Schema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
  }
}

/** A context behind `validate()`: its data is what the schema made of the message. */
export type ValidContext<State = unknown, Data = unknown> = Omit<MessageContext<State, Data>, 'reply'> & {
  reply: unknown
}

/** Takes the messages that are as the schema says. */
export type ValidHandler<State, Data> = (ctx: ValidContext<State, Data>, next: Next) => unknown

/** What is wrong with a message, as it is told to a peer. */
export interface Fault {
  readonly message: string
  /** The keys to where it is. */
  readonly path: readonly (string | number)[]
}

/** Options of `validate`. */
export interface ValidateOptions<State = unknown> {
  /**
   * What is done with a message that the schema refuses: `'close'` the connection with 1008, or `'reply'` with an object that
   * has the `error` and its `issues` (behind `json()`, which encodes it); a function's result, where it is not undefined, is
   * the reply. Default `'close'`.
   */
  readonly onError?: 'close' | 'reply' | ((issues: readonly Fault[], ctx: ValidContext<State>) => unknown)
}

/**
 * Lets only those messages through whose `ctx.data` is as `schema` says, and puts what the schema made of it in its place.
 *
 * @param handler what takes the message then: in it `ctx.data` has the type that the schema gives it
 * @throws TypeError `WS_ERR_INVALID_OPTION` for what is not a Standard Schema
 */
export function validate<Data, State = unknown>(
  schema: Schema<Data>,
  handler: ValidHandler<State, Data>,
  options?: ValidateOptions<State>,
): { readonly message: Middleware<MessageContext<State>> }
export function validate<State = unknown>(
  schema: Schema,
  options?: ValidateOptions<State>,
): { readonly message: Middleware<MessageContext<State>> }
export function validate<Data, State>(
  schema: Schema<Data>,
  second: ValidHandler<State, Data> | ValidateOptions<State> = {},
  third: ValidateOptions<State> = {},
): { readonly message: Middleware<MessageContext<State>> } {
  const handler: ValidHandler<State, Data> = typeof second === 'function' ? second : (_ctx, next) => next()
  const { onError = 'close' } = typeof second === 'function' ? third : second
  const standard = (Object(schema) as Partial<Schema<Data>>)['~standard']
  if (typeof standard?.validate !== 'function') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', 'the schema must be one that Standard Schema describes')
  }
  if (onError !== 'close' && onError !== 'reply' && typeof onError !== 'function') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', "onError must be 'close', 'reply' or a function")
  }
  return {
    message: async function validate(ctx: MessageContext<State>, next: Next): Promise<unknown> {
      const context: ValidContext<State> = ctx
      const result = await standard.validate(ctx.data)
      if (result.issues === undefined) {
        ctx.data = result.value
        return handler(context as ValidContext<State, Data>, next)
      }
      const issues = result.issues.map(toFault)
      const error = new RemoteProtocolError('WS_ERR_INVALID_MESSAGE', describe(issues), { cause: issues })
      if (onError === 'close') throw error
      const { code, message } = error
      context.reply = onError === 'reply' ? { error: { code, message, issues } } : await onError(issues, context)
      return undefined
    },
  }
}

function toFault({ message, path = [] }: SchemaIssue): Fault {
  const keys = path.map(part => (typeof part === 'object' ? part.key : part))
  return { message, path: keys.map(key => (typeof key === 'number' ? key : String(key))) }
}

/** Where the first of the faults is. What a schema says of it may quote the message, and errors go to logs. */
function describe([first]: readonly Fault[]): string | undefined {
  return first === undefined || first.path.length === 0 ? undefined : first.path.join('.')
}
