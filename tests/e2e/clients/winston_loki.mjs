// npm's winston-loki, as JSON and as protobuf with snappy; run with the address of a Loki.
import winston from 'winston';
import LokiTransport from 'winston-loki';

for (const json of [true, false]) {
  const transport = new LokiTransport({
    host: process.argv[2].replace(/\/$/, ''),
    labels: { app: json ? 'winston-json' : 'winston-protobuf' },
    json,
    batching: true,
    interval: 1,
    gracefulShutdown: false,
    onConnectionError: (error) => { console.error('refused:', error); process.exit(1); },
  });
  const logger = winston.createLogger({ transports: [transport] });
  for (let i = 0; i < 5; i++) {
    logger.info({ message: `winston line ${i}`, labels: { part: 'test' } });
  }
  await transport.flush();
  logger.close();
}
console.log('sent');
process.exit(0);
