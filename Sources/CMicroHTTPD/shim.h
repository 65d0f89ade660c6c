#pragma once
#include <microhttpd.h>

// Swift cannot call C functions with variable arguments: one function for each use.

typedef void *(*tributary_mhd_target_callback)(void *context, const char *target, struct MHD_Connection *connection);

// A daemon with a pool of polling threads on a socket that listens already. `context` goes to each callback.
static inline struct MHD_Daemon *tributary_mhd_start(
    int listener, unsigned int threads, unsigned int connections, size_t connection_memory, void *context,
    tributary_mhd_target_callback target, MHD_AccessHandlerCallback access, MHD_RequestCompletedCallback completed,
    MHD_NotifyConnectionCallback connection_changed) {
  return MHD_start_daemon(
      MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, access, context,
      MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener,
      MHD_OPTION_THREAD_POOL_SIZE, threads,
      MHD_OPTION_CONNECTION_LIMIT, connections,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory,
      MHD_OPTION_URI_LOG_CALLBACK, target, context,
      MHD_OPTION_NOTIFY_COMPLETED, completed, context,
      MHD_OPTION_NOTIFY_CONNECTION, connection_changed, context,
      MHD_OPTION_END);
}

// The connection's socket; -1 if it has none.
static inline int tributary_mhd_socket(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == NULL ? -1 : (int)info->connect_fd;
}
