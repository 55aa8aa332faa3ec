// mercurius with its JIT: node mercurius.mjs PORT UPSTREAM. The part of our schema that the bench asks for, with
// resolvers as an experienced hand would write them: a pool of connections, a cache of plain objects, one call per batch.
import fastify from 'fastify'
import mercurius from 'mercurius'
import { Pool } from 'undici'

const [port, upstream] = process.argv.slice(2)
const path = '/integration/product/sellers/2738/products/batch-requests/'
const pool = new Pool(upstream, { connections: 100, pipelining: 1 })
const lifetime = 3_600_000
const kept = new Map()

const schema = `
  enum BatchSource { TRENDYOL MIRCATE }
  input BatchRef { source: BatchSource! id: String! }
  scalar DateTime
  type TrendyolProduct { stockCode: String quantity: Int listPrice: Float salePrice: Float }
  type TrendyolItem { index: Int! key: String title: String status: String! product: TrendyolProduct }
  type Items { nodes: [TrendyolItem!]! }
  type TrendyolBatch {
    batchId: String! status: String! outcome: String itemCount: Int succeededCount: Int failedCount: Int
    createdAt: DateTime updatedAt: DateTime items(first: Int! = 50): Items!
  }
  type MircateBatch { batchId: String! ratio: String }
  union Batch = TrendyolBatch | MircateBatch
  type BatchResult { batch: Batch }
  type Query { batch(ref: BatchRef!, maxAge: Int): Batch batches(refs: [BatchRef!]!): [BatchResult!] }
`

function readItem (item, index) {
  const product = item.requestItem.product
  const { stockCode, quantity, listPrice, salePrice } = product
  return {
    index,
    key: product.barcode,
    title: product.title,
    status: item.status === 'SUCCESS' ? 'SUCCEEDED' : item.status,
    product: { stockCode, quantity, listPrice, salePrice }
  }
}

function read (batchId, told) {
  const failedCount = told.items.filter(item => item.status === 'FAILED').length
  return {
    __typename: 'TrendyolBatch',
    batchId,
    status: told.status,
    outcome: told.status !== 'COMPLETED' ? null : failedCount ? 'PARTIALLY_SUCCEEDED' : 'SUCCEEDED',
    itemCount: told.itemCount,
    succeededCount: told.items.filter(item => item.status === 'SUCCESS').length,
    failedCount,
    createdAt: new Date(told.creationDate).toISOString(),
    updatedAt: new Date(told.lastModification).toISOString(),
    every: told.items.map(readItem)
  }
}

async function ask (id) {
  const { statusCode, body } = await pool.request({ path: path + id, method: 'GET' })
  if (statusCode !== 200) throw new Error(`upstream ${statusCode}`)
  return read(id, await body.json())
}

function find (id) {
  const found = kept.get(id)
  if (found && found.until > Date.now()) return found.value
  const entry = { until: Date.now() + lifetime, value: ask(id) }
  kept.set(id, entry)
  entry.value.then(value => { entry.value = value }, () => kept.delete(id))
  return entry.value
}

const resolvers = {
  Query: {
    batch: (_, { ref }) => find(ref.id),
    batches: (_, { refs }) => Promise.all(refs.map(async ref => ({ batch: await find(ref.id) })))
  },
  Batch: { resolveType: batch => batch.__typename },
  TrendyolBatch: { items: (batch, { first }) => ({ nodes: batch.every.slice(0, first) }) }
}

const app = fastify({ logger: false, keepAliveTimeout: 60_000 })
app.register(mercurius, { schema, resolvers, jit: 1 })
await app.listen({ port: Number(port), host: '127.0.0.1' })
