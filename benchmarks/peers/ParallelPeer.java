import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.PollContext;
import io.confluent.parallelconsumer.vertx.VertxParallelStreamProcessor;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Confluent's parallel-consumer with Vert.x, in the order of keys, at least once: after its README,
 * "HTTP with the Vert.x Module", "Ordered by Key" and "Batching". Its records are bodies.
 *
 * Its figures are of the second half of the events, when the code is compiled.
 */
public class ParallelPeer {
    record Mark(long ns, long cpuNs) {
        static Mark now() {
            var system = (com.sun.management.OperatingSystemMXBean)
                ManagementFactory.getOperatingSystemMXBean();
            return new Mark(System.nanoTime(), system.getProcessCpuTime());
        }
    }

    public static void main(String[] arguments) throws Exception {
        var job = new JsonObject(arguments[0]);
        int events = job.getInteger("events"), half = events / 2, batch = job.getInteger("batch");
        var consumer = new KafkaConsumer<byte[], byte[]>(Map.of(
            "bootstrap.servers", job.getString("bootstrap"),
            "group.id", job.getString("group"),
            "enable.auto.commit", "false",
            "auto.offset.reset", "earliest",
            "key.deserializer", ByteArrayDeserializer.class.getName(),
            "value.deserializer", ByteArrayDeserializer.class.getName()));
        var options = ParallelConsumerOptions.<byte[], byte[]>builder()
            .ordering(ProcessingOrder.KEY)
            .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
            .maxConcurrency(1000)
            .batchSize(batch)
            .consumer(consumer)
            .build();
        VertxParallelStreamProcessor<byte[], byte[]> parallel =
            VertxParallelStreamProcessor.createEosStreamProcessor(options);
        parallel.subscribe(List.of(job.getString("topic")));
        var done = new AtomicInteger();
        var marks = new Mark[2];
        var finished = new CountDownLatch(1);
        parallel.vertxHttpWebClient((client, context) -> client
            .postAbs(job.getString("url"))
            .putHeader("Content-Type", "application/json")
            .sendBuffer(body(context, batch))
            .compose(answer -> answer.statusCode() / 100 == 2
                ? Future.succeededFuture(answer)
                : Future.failedFuture("status " + answer.statusCode()))
            .onSuccess(answer -> {
                int calls = (int) context.size(), now = done.addAndGet(calls);
                if (now >= half && now - calls < half) marks[0] = Mark.now();
                if (now >= events && now - calls < events) {
                    marks[1] = Mark.now();
                    finished.countDown();
                }
            }), sent -> { });
        finished.await();
        double seconds = (marks[1].ns - marks[0].ns) / 1e9;
        var peak = Files.readString(Path.of("/proc/self/status")).split("VmHWM:")[1].trim();
        System.out.println(new JsonObject()
            .put("events_per_s", half / seconds)
            .put("cpu_us_per_event", (marks[1].cpuNs - marks[0].cpuNs) / 1e3 / half)
            .put("peak_mb", Integer.parseInt(peak.split("\\s+")[0]) / 1024.0)
            .put("seconds", seconds).encode());
        System.out.flush();
        System.exit(0);
    }

    private static Buffer body(PollContext<byte[], byte[]> context, int batch) {
        if (batch == 1) return Buffer.buffer(context.getSingleConsumerRecord().value());
        var body = Buffer.buffer("[");
        for (var record : context.getConsumerRecordsFlattened()) {
            if (body.length() > 1) body.appendByte((byte) ',');
            body.appendBytes(record.value());
        }
        return body.appendByte((byte) ']');
    }
}
