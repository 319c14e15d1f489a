import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** mongo-java-server: Launch PORT [FILE]; without a file it keeps its data in memory. */
public final class Launch {
    private static final List<Integer> VERSION = List.of(4, 4, 0);
    private static final int WIRE_VERSION = 9;

    private Launch() {}

    public static void main(String[] arguments) throws InterruptedException {
        AbstractMongoBackend backend =
                arguments.length > 1 ? new H2Backend(arguments[1]) : new MemoryBackend();
        // pymongo talks to none of the versions that the library knows by itself.
        backend.version(
                new MongoVersion() {
                    public List<Integer> getVersionArray() {
                        return VERSION;
                    }

                    public int getWireVersion() {
                        return WIRE_VERSION;
                    }
                });
        MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        Thread.currentThread().join();
    }
}
